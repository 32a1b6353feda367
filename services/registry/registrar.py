"""Registers devices in batches: however many call at once, they share a statement."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.batching import Coalescer
from services.registry.domain.device import Device, Key, Registration
from services.registry.domain.faults import ApplicationNotFound
from services.registry.store import registrations, twins

MAX_BATCH = 500
# One is made ready, or told, while the database writes the other.
MAX_FLUSHES = 2


class Registrar:
    """The busiest door of the room. Whoever opens one closes it."""

    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        # A statement that stands alone needs no transaction around it.
        self._alone = db.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._batches: Coalescer[Registration, Device] = Coalescer(
            self._write, max_batch=MAX_BATCH, max_flushes=MAX_FLUSHES, evenly=True
        )

    async def register(self, registration: Registration) -> Device:
        """Write a device into the book, or vouch anew for one that stands there.

        Raises:
            ApplicationNotFound: if there is no such application.
        """
        return await self._batches.call(registration)

    async def register_all(self, asked: Iterable[Registration]) -> list[Device | Exception]:
        """As `register` does each of them; what one is refused stands in its place."""
        return await self._batches.call_all(asked)

    async def close(self) -> None:
        await self._batches.close()

    async def _write(self, asked: list[Registration]) -> Sequence[Device | Exception]:
        """Calls for one device that meet in a batch become one, and all get its answer."""
        keys = [registration.key for registration in asked]
        merged: dict[Key, Registration] = {}
        for key, registration in zip(keys, asked, strict=True):
            merged[key] = registration.after(merged.get(key))
        wanted, now = [merged[key] for key in sorted(merged)], self._clock()
        async with self._alone.connect() as tx:
            written = await registrations.write(tx, wanted, now)
        if len(written) < len(wanted):
            async with self._db.begin() as tx:
                rest = [r for r in wanted if r.key not in written]
                written |= await registrations.move(tx, rest, now)
        if written:
            # Once they are committed: of two that come at once one sees the other.
            vouched = [
                (merged[key].app_id, device.uid, merged[key].address_digest)
                for key, device in written.items()
            ]
            async with self._alone.connect() as tx:
                await twins.note(tx, vouched)
        return [
            written.get(key) or ApplicationNotFound(registration.app_id)
            for key, registration in zip(keys, asked, strict=True)
        ]
