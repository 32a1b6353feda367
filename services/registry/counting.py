"""Folds what the triggers noted about the number of devices into totals, in the background."""

import asyncio

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.database import is_outage
from services.registry.store import counts

log = structlog.get_logger()

BATCH = 5000
PAUSE_SECONDS = 1.0


class Counting:
    """Several processes may run one: one of them folds at a time."""

    def __init__(self, db: AsyncEngine, batch: int = BATCH) -> None:
        self._db = db
        self._batch = batch

    async def run(self) -> None:
        while True:
            try:
                await self.fold()
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("fold.interrupted", error=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def fold(self) -> None:
        """Fold all that there is to fold now."""
        with suppress_instrumentation():
            while await self._fold_some() == self._batch:
                pass

    async def _fold_some(self) -> int:
        async with self._db.begin() as tx:
            return await counts.fold(tx, self._batch)
