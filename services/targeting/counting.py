"""Folds what the triggers noted about numbers into totals, in the background."""

import asyncio

from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.rounds import repeat
from services.targeting.store import counts

BATCH = 5000


class Counting:
    """Several processes may run one: one of them folds at a time."""

    def __init__(self, db: AsyncEngine, seconds: float, batch: int = BATCH) -> None:
        self._db = db
        self._seconds = seconds
        self._batch = batch

    async def run(self, ending: asyncio.Event) -> None:
        await repeat("counting", self.step, ending, self._seconds)

    async def step(self) -> bool:
        """Fold one batch; True if there may be more."""
        with suppress_instrumentation():
            async with self._db.begin() as tx:
                return await counts.fold(tx, self._batch) == self._batch
