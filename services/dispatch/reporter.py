"""The reporter carries what the sender found out to the rooms that want to know it."""

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import Bell, work
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.rooms import DeviceBook
from services.dispatch.store import outbox

log = structlog.get_logger()

POLL_SECONDS = 1.0
BATCH = 1000


class Reporter:
    """Several may run: each report is carried by one at a time, and may arrive twice."""

    def __init__(self, db: AsyncEngine, book: DeviceBook) -> None:
        self._db = db
        self._book = book
        self.bell = Bell()

    async def run(self) -> None:
        await work("reporter", self.report, self.bell, POLL_SECONDS)

    async def report(self) -> bool:
        """Hand what gateways said of addresses to registry; whether there may be more.

        They leave the outbox in the transaction that holds them only after registry has them.
        """
        with suppress_instrumentation():
            async with self._db.begin() as tx:
                taken = await outbox.take(tx, BATCH)
                if not taken:
                    return False
                try:
                    await self._book.report([report for _, report in taken])
                except RoomUnavailable:
                    log.warning("addresses.wait", reports=len(taken))
                    return False
                await outbox.delete(tx, [report_id for report_id, _ in taken])
        log.info("addresses.reported", reports=len(taken))
        return len(taken) == BATCH
