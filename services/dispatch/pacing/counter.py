"""The counter of a gate: one parcel is served at a time, in the order of their turns.

Parcels that are served at once would each have a few of the places that come free together, and so
many batches, and so many rows of a checkpoint.
"""

import asyncio

from services.dispatch.pacing.line import Line, Turn


class Counter:
    """Whoever takes it leaves it."""

    def __init__(self) -> None:
        self._is_taken = False
        self._line = Line()

    @property
    def is_free(self) -> bool:
        return not self._is_taken and self._line.is_empty

    async def take(self, turn: Turn) -> None:
        """Wait until it is free, and nobody comes before."""
        while self._is_taken or self._line.is_before(turn):
            try:
                await self._line.wait(turn)
            except asyncio.CancelledError:
                self._tell_next()
                raise
        self._is_taken = True

    def leave(self) -> None:
        self._is_taken = False
        self._tell_next()

    def _tell_next(self) -> None:
        if not self._is_taken:
            self._line.tell_next()
