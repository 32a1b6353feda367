"""The gatherer brings what other rooms tell of devices and subscriptions to webhooks.

The rooms tell it only of applications that are watched, and a watch ends by itself: so the gatherer
renews them, for whoever has a webhook that listens.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import Bell, work
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.rooms import EventFeed
from services.dispatch.fanout import FanOut
from services.dispatch.store import events, feeds, webhooks

log = structlog.get_logger()

POLL_SECONDS = 0.5
# Far longer than any outage: what happens while a watch is over is not told.
WATCH = timedelta(days=7)
RENEW_SECONDS = 3600.0
WATCHED_AT_ONCE = 1000
FORGOTTEN_AT_ONCE = 1000


class Gatherer:
    """Several may gather: events are posted with the position after them, or not at all."""

    def __init__(
        self,
        db: AsyncEngine,
        sources: Sequence[EventFeed],
        fan_out: FanOut,
        clock: Callable[[], datetime],
        *,
        ring_caller: Callable[[], None],
    ) -> None:
        self._db = db
        self._sources = sources
        self._fan_out = fan_out
        self._clock = clock
        self._ring_caller = ring_caller

    async def run(self) -> None:
        await work("gatherer", self.step, Bell(), POLL_SECONDS)

    async def tend(self) -> None:
        await work("tender", self.renew, Bell(), RENEW_SECONDS)

    async def step(self) -> bool:
        """Post what is new; whether there may be more."""
        with suppress_instrumentation():
            gathered = [await self._gather(source) for source in self._sources]
        return any(gathered)

    async def _gather(self, source: EventFeed) -> bool:
        async with self._db.connect() as connection:
            if not await webhooks.any_listening(connection, source.kinds):
                return False
            position = await feeds.position(connection, source.name)
        try:
            news = await source.read(position)
        except RoomUnavailable:
            return False
        if news.next_position == position:
            return False
        async with self._db.begin() as tx:
            # First, because it locks the row: another gatherer waits here, and is then late.
            if await feeds.move(tx, source.name, position, news.next_position):
                await self._fan_out.post(tx, news.events)
        self._ring_caller()
        return True

    async def renew(self) -> bool:
        """Renew the watches, and forget old dead letters; whether there are more of these."""
        with suppress_instrumentation():
            for source in self._sources:
                async with self._db.connect() as connection:
                    app_ids = await webhooks.all_listening(connection, source.kinds)
                for start in range(0, len(app_ids), WATCHED_AT_ONCE):
                    try:
                        await source.watch(app_ids[start : start + WATCHED_AT_ONCE], WATCH)
                    except RoomUnavailable:
                        log.warning("watch.not_renewed", feed=source.name)
            async with self._db.begin() as tx:
                forgotten = await events.forget_dead(tx, self._clock(), FORGOTTEN_AT_ONCE)
        return forgotten == FORGOTTEN_AT_ONCE
