"""Follows registry's feed of changes: what hangs on a deleted device or application ends here."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.targeting.domain.registry import (
    ApplicationDeleted,
    Change,
    ChangeFeed,
    DeviceDeleted,
)
from services.targeting.rounds import repeat
from services.targeting.store import feed, opt_outs, subscriptions, tags

log = structlog.get_logger()


class Follower:
    """Several may follow at once: a change is applied with the position after it, or not at all."""

    def __init__(
        self, db: AsyncEngine, registry: ChangeFeed, clock: Callable[[], datetime], seconds: float
    ) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock
        self._seconds = seconds

    async def run(self, ending: asyncio.Event) -> None:
        await repeat("follower", self.step, ending, self._seconds)

    async def step(self) -> bool:
        """Apply what is new; True if there may be more."""
        async with self._db.connect() as connection:
            position = await feed.position(connection)
        news = await self._registry.changes(position)
        if news.next_position == position:
            return False
        async with self._db.begin() as tx:
            # First, because it locks the row: another follower waits here, and then finds that
            # it is late.
            if await feed.move(tx, position, news.next_position):
                await self._apply(tx, news.changes)
        return bool(news.changes)

    async def _apply(self, tx: AsyncConnection, changes: Sequence[Change]) -> None:
        devices = [(c.app_id, c.uid) for c in changes if isinstance(c, DeviceDeleted)]
        applications = [c.app_id for c in changes if isinstance(c, ApplicationDeleted)]
        if devices:
            ended = await subscriptions.end_devices(tx, devices)
            await opt_outs.end_devices(tx, devices)
            log.info("devices.ended", devices=len(devices), subscriptions=ended)
        for app_id in applications:
            await tags.delete_all(tx, app_id, self._clock())
            await opt_outs.doom_all(tx, app_id, self._clock())
            log.info("application.ended", app_id=str(app_id))
