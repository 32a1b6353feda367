"""Clears away what is left of deleted tags and applications, and what was told, in batches."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.rounds import repeat
from services.targeting.store import events, removals

log = structlog.get_logger()

BATCH = 5000
# Longer than any transaction of ours: one that saw the tag before it was deleted, and subscribed
# somebody to it, has ended by then.
GRACE = timedelta(minutes=1)


class Sweeper:
    """Several may sweep at once: each takes another removal."""

    def __init__(
        self, db: AsyncEngine, clock: Callable[[], datetime], seconds: float, batch: int = BATCH
    ) -> None:
        self._db = db
        self._clock = clock
        self._seconds = seconds
        self._batch = batch

    async def run(self, ending: asyncio.Event) -> None:
        await repeat("sweeper", self.step, ending, self._seconds)

    async def step(self) -> bool:
        """Clear away one batch of each; True if there may be more."""
        swept = await self._sweep()
        return await self._forget() or swept

    async def _sweep(self) -> bool:
        """Clear away one batch of the oldest removal."""
        async with self._db.begin() as tx:
            removal = await removals.take(tx, self._clock() - GRACE)
            if removal is None:
                return False
            if await removals.sweep(tx, removal, self._batch) < self._batch:
                await removals.finish(tx, removal)
                log.info("removal.finished", app_id=str(removal.app_id), tag_id=removal.tag_id)
        return True

    async def _forget(self) -> bool:
        """Forget one batch of old events, and the watches that are over."""
        now = self._clock()
        async with self._db.begin() as tx:
            await events.forget_watches(tx, now)
            return await events.remove(tx, now - events.KEEP, self._batch) == self._batch
