"""Registers devices in batches: however many call at once, they share a transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.batching import Coalescer
from services.registry.domain.device import Device, Key, Registration
from services.registry.domain.faults import ApplicationNotFound
from services.registry.store import applications, device_events, registrations, twins

MAX_BATCH = 500


class Registrar:
    """The busiest door of the room. Whoever opens one closes it."""

    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._batches: Coalescer[Registration, Device] = Coalescer(self._write, max_batch=MAX_BATCH)

    async def register(self, registration: Registration) -> Device:
        """Write a device into the book, or vouch anew for one that stands there.

        Raises:
            ApplicationNotFound: if there is no such application.
        """
        return await self._batches.call(registration)

    async def close(self) -> None:
        await self._batches.close()

    async def _write(self, asked: list[Registration]) -> Sequence[Device | Exception]:
        """Calls for one device that meet in a batch become one, and all get its answer."""
        merged: dict[Key, Registration] = {}
        for registration in asked:
            key = registration.key
            merged[key] = registration.after(merged.get(key))
        async with self._db.begin() as tx:
            held = await applications.hold(tx, list({r.app_id for r in asked}))
            known = {app_id.int for app_id in held}
            wanted = [merged[key] for key in sorted(merged) if key[0] in known]
            now = self._clock()
            written = await registrations.write(tx, wanted, now) if wanted else {}
            watched = {app_id for app_id, end in held.items() if end is not None and now < end}
            if watched and written:
                told = [(r.app_id, written[r.key]) for r in wanted if r.app_id in watched]
                await device_events.note_registered(tx, told, now)
        if written:
            # Once they are committed: of two that come at once one sees the other.
            async with self._db.begin() as tx:
                await twins.note(tx, [(r.app_id, written[r.key].uid) for r in wanted])
        return [written.get(r.key) or ApplicationNotFound(r.app_id) for r in asked]
