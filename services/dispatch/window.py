"""The window of a sender: how many of its sends may be unrecorded at once."""

import asyncio

from services.dispatch.pacing.line import Line


class Window:
    def __init__(self, places: int) -> None:
        self.room = places
        self._line = Line()

    async def take(self, count: int, *, urgent: bool) -> int:
        """Wait for places; take those that are free, one at least and `count` at most."""
        was_told = False
        while self.room <= 0 or (not was_told and self._line.is_before(urgent=urgent)):
            try:
                await self._line.wait(urgent=urgent, again=was_told)
            except asyncio.CancelledError:
                self.give_back(0)
                raise
            was_told = True
        taken = min(count, self.room)
        self.room -= taken
        self.give_back(0)
        return taken

    def give_back(self, count: int) -> None:
        self.room += count
        if self.room > 0:
            self._line.tell_next()
