"""The trimmer keeps what waits for a webhook from growing without end while nobody answers."""

from collections.abc import Callable
from datetime import datetime

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import Bell, work
from services.dispatch.store import backlogs
from services.dispatch.store.backlogs import Backlog

log = structlog.get_logger()

TRIM_SECONDS = 60.0
BATCH = 5000


class Trimmer:
    """`most` events wait for a webhook, and as many dead letters lie there: the newest."""

    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime], most: int) -> None:
        self._db = db
        self._clock = clock
        self._most = most

    async def run(self) -> None:
        await work("trimmer", self.step, Bell(), TRIM_SECONDS)

    async def step(self) -> bool:
        """Trim each by a batch at most; whether there may be more to trim at once."""
        with suppress_instrumentation():
            async with self._db.connect() as connection:
                full = await backlogs.find_full(connection, self._most, BATCH)
            trimmed = [await self._trim(backlog) for backlog in full]
        return any(trimmed)

    async def _trim(self, backlog: Backlog) -> bool:
        async with self._db.begin() as tx:
            # What becomes dead by this may be too much there: the next step forgets it.
            given_up = await backlogs.give_up_oldest(
                tx, backlog.webhook_id, backlog.waiting, self._clock()
            )
            forgotten = await backlogs.forget_oldest(tx, backlog.webhook_id, backlog.dead)
        log.warning(
            "webhook.backlog_full",
            app_id=str(backlog.app_id),
            webhook=backlog.name,
            dead=given_up,
            forgotten=forgotten,
        )
        return given_up + forgotten > 0
