"""Removes in the background what is left of deleted applications, and what has outlived its use."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.kit.database import is_outage
from services.registry.store import counts, device_events, sweeping

log = structlog.get_logger()

BATCH = 5000
PAUSE_SECONDS = 60.0
# Longer than any report looks back.
KEEP_DAYS = timedelta(days=400)


class Sweeper:
    """Works in small transactions that may be repeated; several processes may sweep at once."""

    def __init__(
        self,
        db: AsyncEngine,
        clock: Callable[[], datetime],
        *,
        keep_tombstones: timedelta,
        keep_changes: timedelta,
        batch: int = BATCH,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keep_tombstones = keep_tombstones
        self._keep_changes = keep_changes
        self._batch = batch
        self._wanted = asyncio.Event()

    def ring(self) -> None:
        """Something was deleted: do not wait for the next round."""
        self._wanted.set()

    async def run(self) -> None:
        while True:
            self._wanted.clear()
            try:
                await self.sweep()
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("sweep.interrupted", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), PAUSE_SECONDS)

    async def sweep(self) -> None:
        """Remove all that there is to remove now."""
        for step in (
            self._sweep_application,
            self._sweep_tombstones,
            self._sweep_changes,
            self._sweep_days,
            self._sweep_events,
        ):
            while await self._commit(step):
                pass

    async def _commit(self, step: Callable[[AsyncConnection], Awaitable[bool]]) -> bool:
        async with self._db.begin() as tx:
            return await step(tx)

    async def _sweep_application(self, tx: AsyncConnection) -> bool:
        app_id = await sweeping.take_deleted_application(tx)
        if app_id is None:
            return False
        if await sweeping.remove_devices(tx, app_id, self._batch) == 0:
            await counts.forget_application(tx, app_id)
            await sweeping.note_swept(tx, app_id, self._clock())
            log.info("application.swept", app_id=str(app_id))
        return True

    async def _sweep_tombstones(self, tx: AsyncConnection) -> bool:
        before = self._clock() - self._keep_tombstones
        return await sweeping.remove_tombstones(tx, before, self._batch) == self._batch

    async def _sweep_days(self, tx: AsyncConnection) -> bool:
        await counts.forget_days(tx, (self._clock() - KEEP_DAYS).date())
        return False

    async def _sweep_changes(self, tx: AsyncConnection) -> bool:
        before = self._clock() - self._keep_changes
        return await sweeping.remove_changes(tx, before, self._batch) == self._batch

    async def _sweep_events(self, tx: AsyncConnection) -> bool:
        before = self._clock() - device_events.KEEP
        return await device_events.remove(tx, before, self._batch) == self._batch
