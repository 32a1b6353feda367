"""The pace at one gate, in this process: who may ask now, and who waits."""

import asyncio
import math
from collections import deque
from collections.abc import Callable

from services.dispatch.domain.circuits import Opening
from services.dispatch.gateways.verdicts import Later, Trouble, Verdict
from services.dispatch.pacing.breaker import SHORT_SECONDS, Breaker, Temper, is_slow
from services.dispatch.pacing.bucket import Bucket
from services.dispatch.pacing.fuse import Fuse
from services.dispatch.pacing.limiter import Limiter
from services.dispatch.pacing.quota import Quota

FLIPS_PER_SECOND = 1.0
FLIPS_AT_ONCE = 10


class Pace:
    """Every request passes `enter` and leaves by `leave` or `abandon`."""

    def __init__(
        self, temper: Temper, limiter: Limiter, quota: Quota | None, monotonic: Callable[[], float]
    ) -> None:
        self.limiter = limiter
        self.fuse = Fuse()
        self._breaker = Breaker(temper)
        self.quota_name = ""
        self._quota = quota
        self._monotonic = monotonic
        self._flips = Bucket(FLIPS_PER_SECOND, FLIPS_AT_ONCE)
        self._pause_end = float("-inf")
        self._is_shut = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()

    @property
    def is_shut(self) -> bool:
        """The circuit is open: nobody may enter, except as its probe."""
        return self._is_shut

    @property
    def is_idle(self) -> bool:
        return not self.limiter.under_way and not self._urgent and not self._patient

    def count_by(self, name: str, quota: Quota) -> None:
        """From now on count by a quota that others may share."""
        self.quota_name, self._quota = name, quota

    def shut(self) -> None:
        self._is_shut = True
        self._wake(len(self._urgent) + len(self._patient))

    def reopen(self) -> None:
        """The circuit has closed: begin slowly, and judge by what comes from now on."""
        self._is_shut = False
        self._breaker.begin_anew()
        self.limiter.begin_anew()
        if self._quota is not None:
            self._quota.begin_anew(self._monotonic())
        self._wake_for_room()

    async def enter(self, *, urgent: bool) -> float:
        """Wait for a place; 0 when it is taken, else the seconds for which there will be none.

        Infinite means: not before the circuit closes. Urgent ones overtake.
        """
        while not self._is_shut:
            if not self.limiter.has_room:
                await self._wait(self._urgent if urgent else self._patient)
                continue
            wait = self._spread()
            if wait > SHORT_SECONDS:
                return wait
            self.limiter.start()
            if wait > 0 and not await self._hold(wait):
                break
            return 0.0
        return math.inf

    def enter_as_probe(self) -> None:
        """Take a place although the circuit is open: the one request that finds out."""
        self.limiter.start()

    def leave(self, verdict: Verdict, start_time: float) -> Opening | None:
        """Give the place back, and learn from the answer: how the circuit is to open, if it is."""
        now = self._monotonic()
        if is_slow(verdict):
            self.limiter.end_badly(start_time, now)
        else:
            self.limiter.end_well()
        match verdict:
            case Later(seconds=float(seconds), trouble=Trouble.THROTTLED):
                self._pause_end = max(self._pause_end, now + min(seconds, SHORT_SECONDS))
        opening = None if self._is_shut else self._breaker.note(verdict)
        self._wake_for_room()
        return opening

    def may_flip(self) -> bool:
        """Whether an address may be asked for in Apple's other environment, too."""
        return self._flips.take(self._monotonic())

    def abandon(self) -> None:
        """Give the place back of a request that was never made, or whose end nobody saw."""
        self.limiter.under_way -= 1
        self._wake_for_room()

    def _spread(self) -> float:
        now = self._monotonic()
        pause = max(self._pause_end - now, 0.0)
        if self._quota is None or pause > 0:
            return pause
        return self._quota.take(now, SHORT_SECONDS)

    async def _hold(self, seconds: float) -> bool:
        """Keep the place until its time has come; False if the circuit opened meanwhile."""
        try:
            await asyncio.sleep(seconds)
        except BaseException:
            self.abandon()
            raise
        if self._is_shut:
            self.abandon()
        return not self._is_shut

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._wake_for_room()
            raise

    def _wake_for_room(self) -> None:
        self._wake(int(self.limiter.limit) - self.limiter.under_way)

    def _wake(self, count: int) -> None:
        for line in (self._urgent, self._patient):
            while line and count > 0:
                place = line.popleft()
                if not place.done():
                    place.set_result(None)
                    count -= 1
