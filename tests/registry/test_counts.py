"""Are the kept counts always what counting would find?"""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.counting import Counting
from services.registry.domain.device import AddressReport, Platform, State, digest_address
from services.registry.store import applications, counts, devices, findings
from services.registry.store.tables import IS_NOT_DEAD
from services.registry.store.tables import device_count_changes as changes_table
from services.registry.store.tables import device_counts as counts_table
from services.registry.store.tables import devices as devices_table
from services.registry.sweeper import Sweeper
from tests.conftest import NOON
from tests.registry.world import Clock, phone, put_app, write

DAY = timedelta(days=1)
NAMES = [f"device {n}" for n in range(6)]
some_names = some.lists(some.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
some_platforms = some.sampled_from([Platform.IOS, Platform.ANDROID, Platform.WEB_CHROME])
STEPS = some.one_of(
    some.tuples(some.just("register"), some_names, some_platforms),
    some.tuples(some.just("delete"), some_names, some.none()),
    some.tuples(some.just(State.DEAD), some_names, some.none()),
    some.tuples(some.just(State.QUARANTINED), some_names, some.none()),
    some.tuples(some.just("restore"), some_names, some.none()),
    some.tuples(some.just("fold"), some.none(), some.none()),
    some.tuples(some.just("fold some"), some.none(), some.none()),
)
CHANGING = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


async def step(
    db: AsyncEngine, app: UUID, what: str | State, names: list[str], platform: Platform
) -> None:
    if what == "fold":
        await Counting(db).fold()
        return
    async with db.begin() as tx:
        match what:
            case "register":
                await write(tx, [phone(app, name, platform=platform) for name in names])
            case "delete":
                await devices.end(tx, [(app, name) for name in names], NOON)
            case "restore":
                await findings.restore(tx, app, names)
            case State():
                uids = await tx.execute(
                    sa.select(devices_table.c.uid, devices_table.c.address).where(
                        devices_table.c.app_id == app, devices_table.c.device_id.in_(names)
                    )
                )
                reports = [
                    AddressReport(app, u, digest_address(a), NOON + DAY, what) for u, a in uids
                ]
                if reports:
                    await findings.settle(tx, reports)
            case _:
                await counts.fold(tx, 1)


async def recount(db: AsyncEngine, app: UUID) -> Counter[Platform]:
    query = (
        sa.select(devices_table.c.platform, sa.func.count())
        .where(devices_table.c.app_id == app, IS_NOT_DEAD)
        .group_by(devices_table.c.platform)
    )
    async with db.connect() as tx:
        return Counter({row[0]: row[1] for row in await tx.execute(query)})


@CHANGING
@given(steps=some.lists(STEPS, max_size=12))
async def test_after_whatever_happens(
    registry_db: AsyncEngine, steps: list[tuple[str | State, list[str], Platform]]
) -> None:
    app = await put_app(registry_db)
    for what, names, platform in steps:
        await step(registry_db, app, what, names, platform)
        found = await recount(registry_db, app)
        async with registry_db.connect() as tx:
            kept = {each: await counts.listed(tx, app, (each,)) for each in Platform}
            total = await counts.listed(tx, app)

        assert kept == {each: found[each] for each in Platform}
        assert total == found.total()


async def test_a_device_counts_on_the_day_it_first_came(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, "a"), phone(app, "b", platform=Platform.IOS)])
        await write(tx, [phone(app, "a"), phone(app, "c")], NOON + DAY)
        await devices.delete(tx, app, "b", NOON + DAY)
    today, tomorrow = NOON.date(), (NOON + DAY).date()
    async with registry_db.begin() as tx:
        before = await counts.registered(tx, app, today)
        while await counts.fold(tx, 1):
            pass
        after = await counts.registered(tx, app, today)
        later = await counts.registered(tx, app, tomorrow)

    assert {(each.day, each.platform, each.count) for each in before} == {
        (today, Platform.ANDROID, 1),
        (today, Platform.IOS, 1),
        (tomorrow, Platform.ANDROID, 1),
    }
    assert sorted(after, key=str) == sorted(before, key=str)
    assert [(each.day, each.count) for each in later] == [(tomorrow, 1)]


async def test_nothing_is_kept_of_an_application_that_was_swept(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, name) for name in NAMES])
    await Counting(registry_db).fold()
    async with registry_db.begin() as tx:
        await applications.delete(tx, app, NOON)
    sweeper = Sweeper(registry_db, Clock(), keep_tombstones=DAY, keep_changes=DAY)
    await sweeper.sweep()
    await Counting(registry_db).fold()
    async with registry_db.connect() as tx:
        for table in (counts_table, changes_table):
            left = sa.select(sa.func.count()).select_from(table).where(table.c.app_id == app)

            assert (await tx.execute(left)).scalar_one() == 0


async def test_days_beyond_any_report_are_dropped(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, "old")], NOON - 500 * DAY)
        await write(tx, [phone(app, "new")], NOON)
    await Counting(registry_db).fold()
    sweeper = Sweeper(registry_db, Clock(), keep_tombstones=DAY, keep_changes=DAY)
    await sweeper.sweep()
    async with registry_db.connect() as tx:
        kept = await counts.registered(tx, app, (NOON - 600 * DAY).date())

        assert [each.day for each in kept] == [NOON.date()]
        assert await counts.listed(tx, app) == 2
