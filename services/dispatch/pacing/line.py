"""The line of those who wait for places: one at a time is told that there are some."""

import asyncio
import heapq
from itertools import count
from typing import TypeAlias

# Who comes first: who is urgent (False), and then whoever has the lower number.
Turn: TypeAlias = tuple[bool, int]


class Line:
    """Whose turn is first is told first, however often he comes back.

    He takes as many places as there are: one who takes a hundred at once costs little more than one
    who takes one, and what was begun is finished before the next is.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Turn, int, asyncio.Future[None]]] = []
        # Told, and not back yet.
        self._told: dict[asyncio.Future[None], Turn] = {}
        self._numbers = count()

    @property
    def is_empty(self) -> bool:
        return not (self._waiting or self._told)

    def is_before(self, turn: Turn) -> bool:
        """Whether somebody comes before a newcomer of this turn."""
        is_waiting = bool(self._waiting) and self._waiting[0][0] < turn
        return is_waiting or any(told < turn for told in self._told.values())

    async def wait(self, turn: Turn) -> None:
        """Until told. Who is cancelled after he was told must let the next one be told."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (turn, next(self._numbers), place))
        try:
            await place
        finally:
            self._told.pop(place, None)

    def tell_next(self) -> None:
        """Unless somebody is on the way."""
        if not self._told:
            self._tell()

    def tell_all(self) -> None:
        while self._tell():
            pass

    def _tell(self) -> bool:
        while self._waiting:
            turn, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                self._told[place] = turn
                return True
        return False
