"""What is swept up, and what is left alone?"""

import asyncio
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.store import applications, devices, identities
from services.registry.store.tables import applications as applications_table
from services.registry.store.tables import changes as changes_table
from services.registry.store.tables import devices as devices_table
from services.registry.store.tables import tombstones as tombstones_table
from services.registry.sweeper import Sweeper
from tests.conftest import NOON
from tests.registry.world import Clock, phone, put_app, write

DAY = timedelta(days=1)


def sweeper(db: AsyncEngine, clock: Clock, batch: int = 7) -> Sweeper:
    return Sweeper(db, clock, keep_tombstones=100 * DAY, keep_changes=30 * DAY, batch=batch)


async def count(db: AsyncEngine, table: sa.Table, app: UUID) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(table.c.app_id == app)
    async with db.connect() as tx:
        return (await tx.execute(query)).scalar_one()


async def test_all_of_a_deleted_application_and_nothing_of_another(
    registry_db: AsyncEngine,
) -> None:
    gone, kept = await put_app(registry_db), await put_app(registry_db)
    async with registry_db.begin() as tx:
        for app in (gone, kept):
            await write(tx, [phone(app, f"device {n}") for n in range(30)])
            await devices.delete(tx, app, "device 0", NOON)
        await applications.delete(tx, gone, NOON)
    await sweeper(registry_db, Clock()).sweep()

    assert await count(registry_db, devices_table, gone) == 0
    assert await count(registry_db, tombstones_table, gone) == 0
    assert await count(registry_db, devices_table, kept) == 29
    assert await count(registry_db, tombstones_table, kept) == 1


async def test_two_sweepers_do_not_stand_in_each_others_way(registry_db: AsyncEngine) -> None:
    apps = [await put_app(registry_db) for _ in range(4)]
    async with registry_db.begin() as tx:
        for app in apps:
            await write(tx, [phone(app, f"device {n}") for n in range(20)])
            await applications.delete(tx, app, NOON)
    both = [sweeper(registry_db, Clock()).sweep() for _ in range(2)]
    await asyncio.wait_for(asyncio.gather(*both), timeout=30)

    assert [await count(registry_db, devices_table, app) for app in apps] == [0, 0, 0, 0]


async def test_tombstones_and_changes_only_when_they_are_old(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, f"device {n}") for n in range(20)])
        await devices.end(tx, [(app, f"device {n}") for n in range(10)], NOON)
        await devices.end(tx, [(app, f"device {n}") for n in range(10, 15)], NOON + 80 * DAY)
    clock = Clock(NOON + 101 * DAY)
    await sweeper(registry_db, clock).sweep()
    async with registry_db.connect() as tx:
        known = await identities.by_device_ids(tx, app, [f"device {n}" for n in range(20)])

    assert await count(registry_db, changes_table, app) == 5
    assert sum(one.state is None for one in known) == 5


async def test_it_begins_when_it_is_rung(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    works = sweeper(registry_db, Clock())
    running = asyncio.create_task(works.run())
    async with registry_db.begin() as tx:
        await write(tx, [phone(app)])
        await applications.delete(tx, app, NOON)
    works.ring()
    swept = applications_table.c.swept_time.is_not(None)
    query = sa.select(sa.func.count()).where(applications_table.c.app_id == app, swept)
    async with asyncio.timeout(10):
        while not await _scalar(registry_db, query):
            pass  # each look at the database lets the sweeper work
    running.cancel()
    await asyncio.wait([running])

    assert await count(registry_db, devices_table, app) == 0


async def _scalar(db: AsyncEngine, query: sa.Select[int]) -> int:
    async with db.connect() as tx:
        return (await tx.execute(query)).scalar_one()
