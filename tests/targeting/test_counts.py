"""Are the kept counts always what counting would find?"""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.targeting.counting import Counting
from services.targeting.domain.platforms import Platform
from services.targeting.domain.subscriptions import Device
from services.targeting.store import counts, removals, subscriptions, tables, tags
from services.targeting.store.removals import Removal
from tests.conftest import NOON

NAMES = ["news", "offers", "rates"]
STEPS = some.tuples(
    some.sampled_from(
        ["create", "delete", "subscribe", "unsubscribe", "end", "sweep", "fold", "fold some"]
    ),
    some.lists(some.sampled_from(NAMES), min_size=1, unique=True),
    some.integers(1, 4),
)
CHANGING = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


async def step(tx: AsyncConnection, app: UUID, what: str, names: Sequence[str], uid: int) -> None:
    device = Device(uid, f"d{uid}", "", Platform.IOS, known=True)
    tag_ids = list((await tags.ids_of(tx, app, names)).values())
    match what:
        case "create":
            await tags.create(tx, app, names[0], "", NOON)
        case "delete":
            await tags.delete(tx, app, names[0], NOON)
        case "subscribe":
            await subscriptions.add(tx, app, device, tag_ids, NOON)
        case "unsubscribe":
            await subscriptions.remove(tx, app, device, tag_ids, NOON)
        case "end":
            await subscriptions.end_devices(tx, [(app, uid)])
        case "sweep" if tag_ids:
            await removals.sweep(tx, Removal(1, app, tag_ids[0], None), 2)
        case "fold some":
            await counts.fold(tx, 1)
        case _:
            await counts.fold(tx, 1000)


async def recount(tx: AsyncConnection, table: sa.Table, app: UUID) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(table.c.app_id == app)
    return int((await tx.execute(query)).scalar_one())


@CHANGING
@given(steps=some.lists(STEPS, max_size=15))
async def test_after_whatever_happens(
    targeting_db: AsyncEngine, steps: list[tuple[str, list[str], int]]
) -> None:
    app = uuid4()
    of_tag = sa.select(tables.subscriptions.c.tag_id, sa.func.count()).where(
        tables.subscriptions.c.app_id == app
    )
    for what, names, uid in steps:
        async with targeting_db.begin() as tx:
            await step(tx, app, what, names, uid)
        async with targeting_db.connect() as tx:
            grouped = await tx.execute(of_tag.group_by(tables.subscriptions.c.tag_id))
            found = {row[0]: row[1] for row in grouped}
            kept = await counts.subscriptions_to(tx, app, list(found))

            assert kept == found
            assert await counts.tags_of(tx, app) == await recount(tx, tables.tags, app)
            assert await counts.subscriptions_of(tx, app) == sum(found.values())


async def test_when_many_subscribe_and_fold_at_once(targeting_db: AsyncEngine) -> None:
    app = uuid4()
    async with targeting_db.begin() as tx:
        await tags.create(tx, app, "news", "", NOON)

    async def come_and_go(uid: int) -> None:
        for what in ("subscribe", "unsubscribe", "subscribe"):
            async with targeting_db.begin() as tx:
                await step(tx, app, what, ["news"], uid)
            await Counting(targeting_db, 1.0, batch=3).step()

    await asyncio.gather(*(come_and_go(uid) for uid in range(1, 9)))
    async with targeting_db.connect() as tx:
        tag_ids = list((await tags.ids_of(tx, app, ["news"])).values())

        assert await counts.subscriptions_to(tx, app, tag_ids) == {tag_ids[0]: 8}


async def test_nothing_is_kept_of_what_is_gone(targeting_db: AsyncEngine) -> None:
    app = uuid4()
    async with targeting_db.begin() as tx:
        for what in ("create", "subscribe", "fold", "end", "delete", "fold"):
            await step(tx, app, what, ["news"], 1)
        left = [await recount(tx, table, app) for table in (tables.counts, tables.count_changes)]

    assert left == [0, 0]
