"""What reached the gateways: the latest notifications, counters, and a way to wait for more."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count

REFUSED = 400


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to a gateway. `status` is what was answered; 0 means no answer was given."""

    id: int
    time: datetime
    gateway: str
    address: str
    status: int
    reason: str
    headers: Mapping[str, str]
    payload: object

    @property
    def has_reached(self) -> bool:
        """Whether the device has it, whatever its sender was told."""
        return self.status < REFUSED


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which arrivals are asked for; None means any."""

    gateway: str | None = None
    address: str | None = None
    after: int = 0

    def means(self, arrival: Arrival) -> bool:
        return self.gateway in {None, arrival.gateway} and self.address in {None, arrival.address}


class Arrivals:
    """A ring of the latest arrivals; older ones are forgotten, but stay counted."""

    def __init__(self, keep: int) -> None:
        self._ring: deque[Arrival] = deque(maxlen=keep)
        self._ids = count(1)
        self._counts: dict[str, Counter[int]] = {}
        self._waiters: set[asyncio.Event] = set()
        self._closed = False
        # Ids are never given twice, not even after clear().
        self.last_id = 0

    def add(
        self,
        *,
        time: datetime,
        gateway: str,
        address: str,
        status: int,
        reason: str = "",
        headers: Mapping[str, str],
        payload: object,
    ) -> Arrival:
        self.last_id = next(self._ids)
        arrival = Arrival(self.last_id, time, gateway, address, status, reason, headers, payload)
        self._ring.append(arrival)
        self._counts.setdefault(gateway, Counter())[status] += 1
        self._wake()
        return arrival

    def latest(self, wanted: Wanted, limit: int) -> list[Arrival]:
        """Newest first."""
        found: list[Arrival] = []
        for arrival in reversed(self._ring):
            if arrival.id <= wanted.after or len(found) == limit:
                break
            if wanted.means(arrival):
                found.append(arrival)
        return found

    async def wait(self, wanted: Wanted, limit: int, seconds: float) -> list[Arrival]:
        """As `latest`, but if there is nothing yet, until there is something or time is over."""
        news = asyncio.Event()
        self._waiters.add(news)
        try:
            async with asyncio.timeout(seconds):
                seen = wanted.after
                while not (self._closed or self._any_since(seen, wanted)):
                    seen = self.last_id
                    news.clear()
                    await news.wait()
        except TimeoutError:
            pass
        finally:
            self._waiters.discard(news)
        return self.latest(wanted, limit)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many arrivals per gateway and status since the start or the last clear."""
        return {
            gateway: {str(status): times for status, times in sorted(statuses.items())}
            for gateway, statuses in sorted(self._counts.items())
        }

    def tally(self, gateway: str | None = None) -> Counter[str]:
        """How often each address was reached, as far as the ring remembers."""
        return Counter(
            arrival.address
            for arrival in self._ring
            if arrival.has_reached and gateway in {None, arrival.gateway}
        )

    def clear(self) -> None:
        self._ring.clear()
        self._counts.clear()

    def close(self) -> None:
        """Send the waiting home, now and in future, so that nothing holds up the end."""
        self._closed = True
        self._wake()

    def _any_since(self, seen: int, wanted: Wanted) -> bool:
        # Looks at new arrivals only: under load, waiters would else scan the whole ring each time.
        for arrival in reversed(self._ring):
            if arrival.id <= seen:
                return False
            if wanted.means(arrival):
                return True
        return False

    def _wake(self) -> None:
        for waiter in self._waiters:
            waiter.set()
