"""The window of a sender: how many of its sends may be unrecorded at once."""

from services.dispatch.pacing.line import Line, Turn


class Window:
    def __init__(self, places: int) -> None:
        self.room = places
        self._line = Line()

    async def wait(self, turn: Turn) -> int:
        """Wait until there is room and nobody comes before; how much. None of it is taken."""
        try:
            while self.room <= 0 or self._line.is_before(turn):
                await self._line.wait(turn)
        finally:
            self.give_back(0)
        return self.room

    def take_now(self, count: int, turn: Turn) -> int:
        """Take those places that are free, `count` at most; none if somebody comes before."""
        if self._line.is_before(turn):
            return 0
        taken = max(min(count, self.room), 0)
        self.room -= taken
        self.give_back(0)
        return taken

    async def take(self, count: int, turn: Turn) -> int:
        """Wait for places; take those that are free, one at least and `count` at most."""
        while not (taken := self.take_now(count, turn)):
            await self.wait(turn)
        return taken

    def give_back(self, count: int) -> None:
        self.room += count
        if self.room > 0:
            self._line.tell_next()
