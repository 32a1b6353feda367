"""Finds devices in batches: however many ask at once, they share a statement."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.batching import Coalescer
from services.registry.domain.device import Device
from services.registry.store import lookups

MAX_BATCH = 500
# A slow one must not hold up the next.
MAX_FLUSHES = 2


class Finder:
    """Whoever opens one closes it."""

    def __init__(self, db: AsyncEngine) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._batches: Coalescer[tuple[UUID, str], Device] = Coalescer(
            self._read, max_batch=MAX_BATCH, max_flushes=MAX_FLUSHES
        )

    async def find(self, app_id: UUID, device_id: str) -> Device:
        """One device, whatever its state.

        Raises:
            ApplicationNotFound: if there is no such application.
            DeviceNotFound: if it has no such device.
        """
        return await self._batches.call((app_id, device_id))

    async def find_all(self, asked: Iterable[tuple[UUID, str]]) -> list[Device | Exception]:
        """As `find` does each of them; what one is refused stands in its place."""
        return await self._batches.call_all(asked)

    async def close(self) -> None:
        await self._batches.close()

    async def _read(self, asked: list[tuple[UUID, str]]) -> list[Device | Exception]:
        async with self._reads.connect() as tx:
            return [*await lookups.find_all(tx, asked)]
