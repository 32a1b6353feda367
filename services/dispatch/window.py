"""The window of a sender: how many of its sends may be unrecorded at once."""

import asyncio

from services.dispatch.pacing.line import Line, Turn


class Window:
    def __init__(self, places: int) -> None:
        self.room = places
        self._line = Line()

    async def take(self, count: int, turn: Turn) -> int:
        """Wait for places; take those that are free, one at least and `count` at most."""
        while self.room <= 0 or self._line.is_before(turn):
            try:
                await self._line.wait(turn)
            except asyncio.CancelledError:
                self.give_back(0)
                raise
        taken = min(count, self.room)
        self.room -= taken
        self.give_back(0)
        return taken

    def give_back(self, count: int) -> None:
        self.room += count
        if self.room > 0:
            self._line.tell_next()
