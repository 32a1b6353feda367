"""So many places, taken by turns: the window of a sender, or the one place at a gate's counter."""

from services.dispatch.pacing.line import Line, Turn


class Places:
    """Whoever takes some gives as many back."""

    def __init__(self, count: int) -> None:
        self.room = count
        self._count = count
        self._line = Line()

    @property
    def is_idle(self) -> bool:
        """Whether none is taken, nor waited for."""
        return self.room == self._count and self._line.is_empty

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
