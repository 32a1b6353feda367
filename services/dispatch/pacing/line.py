"""The line of those who wait for places: one at a time is told that there are some."""

import asyncio
from collections import deque


class Line:
    """Urgent ones stand before all others; else whoever waits longest comes first.

    Who is told takes as many places as there are: what was begun is to be finished, and one who
    takes a hundred at once costs little more than one who takes one.
    """

    def __init__(self) -> None:
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()
        # Told, and not back yet.
        self._told: set[asyncio.Future[None]] = set()

    @property
    def is_empty(self) -> bool:
        return not (self._urgent or self._patient or self._told)

    def is_before(self, *, urgent: bool) -> bool:
        """Whether somebody comes before a newcomer of this kind."""
        return bool(self._urgent) or (not urgent and bool(self._patient or self._told))

    async def wait(self, *, urgent: bool, again: bool) -> None:
        """Until told. Whoever found no room although he was told stands first `again`.

        Who is cancelled after he was told must let the next one be told.
        """
        line = self._urgent if urgent else self._patient
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if again:
            line.appendleft(place)
        else:
            line.append(place)
        try:
            await place
        finally:
            self._told.discard(place)

    def tell_next(self) -> None:
        """Unless somebody is on the way."""
        if not self._told:
            self._tell()

    def tell_all(self) -> None:
        while self._tell():
            pass

    def _tell(self) -> bool:
        for line in (self._urgent, self._patient):
            while line:
                place = line.popleft()
                if not place.done():
                    place.set_result(None)
                    self._told.add(place)
                    return True
        return False
