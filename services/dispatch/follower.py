"""Follows registry's feed of changes: what belonged to a deleted application ends here too."""

from collections.abc import Callable
from datetime import datetime

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import Bell, work
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.rooms import EndingsFeed
from services.dispatch.store import channels, feeds, halts, shares, webhooks

log = structlog.get_logger()

FEED = "registry.changes"
POLL_SECONDS = 1.0


class Follower:
    """Several may follow at once: a change is applied with the position after it, or not at all."""

    def __init__(
        self, db: AsyncEngine, registry: EndingsFeed, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock

    async def run(self) -> None:
        await work("follower", self.step, Bell(), POLL_SECONDS)

    async def step(self) -> bool:
        """Apply what is new; whether there may be more."""
        with suppress_instrumentation():
            async with self._db.connect() as connection:
                position = await feeds.position(connection, FEED)
            try:
                news = await self._registry.endings(position)
            except RoomUnavailable:
                return False
            if news.next_position == position:
                return False
            async with self._db.begin() as tx:
                # First, because it locks the row: another follower waits here, and is then late.
                if await feeds.move(tx, FEED, position, news.next_position):
                    for app_id in news.app_ids:
                        await halts.cancel_all(tx, app_id, self._clock())
                        await channels.delete_all(tx, app_id)
                        await webhooks.delete_all(tx, app_id)
                        await shares.forget(tx, app_id)
        for app_id in news.app_ids:
            log.info("application.ended", app_id=str(app_id))
        return True
