"""The pace at one gate, in this process: who may ask now, and who waits."""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from services.dispatch.domain.circuits import Opening
from services.dispatch.gateways.verdicts import Later, Trouble, Verdict
from services.dispatch.pacing.breaker import SHORT_SECONDS, Breaker, Temper, is_slow
from services.dispatch.pacing.bucket import Bucket
from services.dispatch.pacing.fuse import Fuse
from services.dispatch.pacing.limiter import Limiter
from services.dispatch.pacing.line import Line, Turn
from services.dispatch.pacing.places import Places
from services.dispatch.pacing.quota import Quota

FLIPS_PER_SECOND = 1.0
FLIPS_AT_ONCE = 10
# So long a parcel stays at a gate that has no room; then it makes room itself, for others.
STAY_SECONDS = 10.0
LONGEST_TURN_SECONDS = 900.0
# An answer that takes so long shows that less would be better, whatever it says.
SLOW_SECONDS = 5.0
# Of the latest answer, in what is known of how long answers take.
WEIGHT = 0.1


class Entry(NamedTuple):
    """So many places; if none, the seconds for which there will be none.

    Infinite means: not before the circuit closes. `is_counted`: they are turns of the quota too.
    """

    places: int
    wait: float = 0.0
    is_counted: bool = False


SHUT_OUT = Entry(0, math.inf)


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
        self._line = Line()
        # Whose turn it is here begins all of its requests before the next does: of parcels that are
        # served at once each would have a few of the places that come free together, and so many
        # batches, and so many rows of a checkpoint.
        self.counter = Places(1)
        # How long an answer takes, the latest counting most.
        self.answer_seconds = 0.0
        # When those have had their turn who were sent away for want of room: the urgent ones, and
        # the others.
        self._turns = {True: float("-inf"), False: float("-inf")}

    @property
    def is_shut(self) -> bool:
        """The circuit is open: nobody may enter, except as its probe."""
        return self._is_shut

    @property
    def is_idle(self) -> bool:
        return not self.limiter.under_way and self._line.is_empty and self.counter.is_idle

    def count_by(self, name: str, quota: Quota) -> None:
        """From now on count by a quota that others may share."""
        self.quota_name, self._quota = name, quota

    def shut(self) -> None:
        self._is_shut = True
        self._line.tell_all()

    def reopen(self) -> None:
        """The circuit has closed: begin slowly, and judge by what comes from now on."""
        self._is_shut = False
        self._breaker.begin_anew()
        self.limiter.begin_anew()
        self._turns = dict.fromkeys(self._turns, float("-inf"))
        if self._quota is not None:
            self._quota.begin_anew(self._monotonic())
        self._tell_next()

    async def enter(
        self, count: int, turn: Turn, until: float = math.inf, most: int | None = None
    ) -> Entry:
        """Wait for places for `count`; those that are free are taken, up to `most` now.

        Who may stay `until` then, and finds no room, gets a later turn: a slow gateway keeps nobody
        at its gate whom somebody else waits for.
        """
        urgent = not turn[0]
        while not self._is_shut:
            if not self.limiter.room and self._is_no_use_to_stay(until, urgent=urgent):
                self._tell_next()
                return Entry(0, self._give_turn(count, urgent=urgent))
            if not self.limiter.room or self._line.is_before(turn):
                await self._wait(until, turn)
                continue
            allowed = count if most is None else min(count, most)
            entry = self._spread(min(allowed, self.limiter.room))
            self.limiter.start(entry.places)
            self._tell_next()
            if entry.places and entry.wait > 0 and not await self._hold(entry.places, entry.wait):
                break
            return entry._replace(wait=0.0) if entry.places else entry
        return SHUT_OUT

    def enter_as_probe(self) -> None:
        """Take a place although the circuit is open: the one request that finds out."""
        self.limiter.start()

    def leave_well(self, count: int, start_time: float) -> None:
        """Give places back whose requests were accepted: what `leave` does, for many."""
        now = self._monotonic()
        if self._time(start_time, now):
            self.limiter.end_badly(start_time, now, count)
        else:
            self.limiter.end_well(count)
        self.fuse.note_good(count)
        if not self._is_shut:
            self._breaker.note_good(count)
        self._tell_next()

    def leave(self, verdict: Verdict, start_time: float) -> Opening | None:
        """Give the place back, and learn from the answer: how the circuit is to open, if it is."""
        now = self._monotonic()
        if self._time(start_time, now) or is_slow(verdict):
            self.limiter.end_badly(start_time, now)
        else:
            self.limiter.end_well()
        match verdict:
            case Later(seconds=float(seconds), trouble=Trouble.THROTTLED):
                self._pause_end = max(self._pause_end, now + min(seconds, SHORT_SECONDS))
        opening = None if self._is_shut else self._breaker.note(verdict)
        self._tell_next()
        return opening

    def may_flip(self) -> bool:
        """Whether an address may be asked for in Apple's other environment, too."""
        return self._flips.take(self._monotonic())

    def abandon(self, count: int = 1) -> None:
        """Give places back of requests that were never made, or whose end nobody saw."""
        self.limiter.under_way -= count
        self._tell_next()

    def withdraw(self, entry: Entry, count: int) -> None:
        """Likewise, of those who have just entered: nor have they used the quota."""
        if entry.is_counted and self._quota is not None:
            self._quota.give_back(self._monotonic(), count)
        self.abandon(count)

    def _time(self, start_time: float, now: float) -> bool:
        """Note how long an answer took; whether that was too long."""
        self.answer_seconds += (now - start_time - self.answer_seconds) * WEIGHT
        return now - start_time > SLOW_SECONDS

    def _is_no_use_to_stay(self, until: float, *, urgent: bool) -> bool:
        now = self._monotonic()
        return now > until or (until < math.inf and self._turns[urgent] > now + STAY_SECONDS)

    def _give_turn(self, count: int, *, urgent: bool) -> float:
        """The seconds until so many more may hope for room, behind those sent away before."""
        now = self._monotonic()
        seconds = count * self.answer_seconds / self.limiter.limit
        turn = min(max(self._turns[urgent], now) + seconds, now + LONGEST_TURN_SECONDS)
        self._turns[urgent] = turn
        return max(turn - now, SHORT_SECONDS)

    def _spread(self, count: int) -> Entry:
        """How many of them may leave together, and the seconds until then."""
        now = self._monotonic()
        pause = max(self._pause_end - now, 0.0)
        if self._quota is None or pause > 0:
            return Entry(count, pause)
        return Entry(*self._quota.take_some(now, SHORT_SECONDS, count), is_counted=True)

    async def _hold(self, count: int, seconds: float) -> bool:
        """Keep the places until their time has come; False if the circuit opened meanwhile."""
        try:
            await asyncio.sleep(seconds)
        except BaseException:
            self.abandon(count)
            raise
        if self._is_shut:
            self.abandon(count)
        return not self._is_shut

    async def _wait(self, until: float, turn: Turn) -> None:
        """Until told that there is room, or that time is up."""
        delay = None if until == math.inf else max(until - self._monotonic(), 0.0)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                try:
                    await self._line.wait(turn)
                except asyncio.CancelledError:
                    self._tell_next()
                    raise

    def _tell_next(self) -> None:
        if self.limiter.room:
            self._line.tell_next()
