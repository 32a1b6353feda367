"""Many devices at once: written by registry's own storage layer, without gRPC and HTTP."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from services.kit.database import open_engine
from services.registry.domain.device import Platform, Registration
from services.registry.store import applications, registrations

BATCH = 2_000


async def register(database_url: str, devices: Iterable[Registration]) -> None:
    """Write devices that have no twins, of applications that are there, a batch a transaction."""
    db = open_engine(database_url)
    coming = iter(devices)
    try:
        while batch := sorted(islice(coming, BATCH), key=lambda each: each.key):
            async with db.begin() as tx:
                await applications.hold(tx, list({each.app_id for each in batch}))
                await registrations.write(tx, batch, datetime.now(UTC))
    finally:
        await db.dispose()


def phones(app_id: str, addresses: Iterable[tuple[Platform, str]]) -> Iterator[Registration]:
    """A device at each address, named by its number."""
    app = UUID(app_id)
    for number, (platform, address) in enumerate(addresses):
        yield Registration(app, f"phone-{number}", platform, address)
