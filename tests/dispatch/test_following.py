"""Is what a deleted application still has under way withdrawn, and nobody else's?"""

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.messages import Message, Platform, Status
from services.dispatch.domain.parcels import Lane, Slice
from services.dispatch.domain.rooms import Endings
from services.dispatch.follower import Follower
from services.dispatch.store import counts, halts, intake, messages, parcels, plans, tables
from tests.conftest import NOON
from tests.dispatch.makers import APP, EVERYONE, OTHER_APP, a_message, to_devices
from tests.registry.test_plans import overhearing

LATER = NOON + timedelta(hours=1)
LEASE = timedelta(seconds=30)


class Feed:
    """Registry's feed: one application has ended."""

    async def endings(self, position: str) -> Endings:
        return Endings(() if position else (APP,), "1")


async def follow(db: AsyncEngine) -> None:
    follower = Follower(db, Feed(), lambda: LATER)
    while await follower.step():
        pass


async def accept(db: AsyncEngine, *accepted: Message) -> None:
    async with db.begin() as tx:
        await intake.accept(tx, accepted)


async def cut(db: AsyncEngine) -> None:
    """Plan what waits to be planned: two parcels, and it goes on."""
    async with db.begin() as tx:
        plan = await plans.lease(tx, LEASE)
        assert plan is not None
        slices = [Slice(Platform.IOS, after, after + 100, 100) for after in (0, 100)]
        await plans.add_parcels(tx, plan, Lane.BULK, slices, NOON)


async def look(db: AsyncEngine, message: Message) -> Message:
    async with db.connect() as tx:
        found = await messages.get(tx, message.app_id, message.message_id)
    assert found is not None
    return found


async def queued(db: AsyncEngine, app_id: UUID) -> tuple[int, int]:
    """How many plans and parcels an application has."""
    async with db.connect() as tx:
        return await _count(tx, tables.plans, app_id), await _count(tx, tables.parcels, app_id)


async def _count(tx: AsyncConnection, table: sa.Table, app_id: UUID) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(table.c.app_id == app_id)
    return int((await tx.execute(query)).scalar_one())


async def test_what_waits_is_withdrawn(dispatch_db: AsyncEngine) -> None:
    small, large = a_message(to_devices("phone")), a_message(EVERYONE)
    ended = a_message(status=Status.DISPATCHED)
    await accept(dispatch_db, large)
    await cut(dispatch_db)
    await accept(dispatch_db, small, ended)
    async with dispatch_db.begin() as tx:
        await tx.execute(
            sa.delete(tables.plans).where(tables.plans.c.message_id == ended.message_id)
        )
    assert await queued(dispatch_db, APP) == (1, 3)

    await follow(dispatch_db)

    assert await queued(dispatch_db, APP) == (0, 0)
    for message in (small, large):
        found = await look(dispatch_db, message)
        assert (found.status, found.end_time) == (Status.CANCELLED, LATER)
    assert (await look(dispatch_db, ended)).status is Status.DISPATCHED
    async with dispatch_db.connect() as tx:
        assert await counts.messages_of(tx, APP) == 1


async def test_others_go_on(dispatch_db: AsyncEngine) -> None:
    small, large = (a_message(to, app_id=OTHER_APP) for to in (to_devices("phone"), EVERYONE))
    await accept(dispatch_db, small, large)

    await follow(dispatch_db)

    assert await queued(dispatch_db, OTHER_APP) == (1, 1)
    assert (await look(dispatch_db, small)).status is small.status


async def test_what_is_being_sent_ends_by_itself_and_is_not_put_off(
    dispatch_db: AsyncEngine,
) -> None:
    message = a_message(to_devices("phone"))
    await accept(dispatch_db, message)
    async with dispatch_db.begin() as tx:
        (held,) = await parcels.lease(tx, Lane.EXPRESS, 1, LEASE)

    await follow(dispatch_db)

    async with dispatch_db.begin() as tx:
        assert await parcels.lock_held(tx, [held])
    assert (await look(dispatch_db, message)).status is Status.CANCELLED


async def test_it_finds_its_rows_by_indexes(dispatch_db: AsyncEngine) -> None:
    filled = a_message(EVERYONE, app_id=OTHER_APP)
    await accept(dispatch_db, filled)
    async with dispatch_db.begin() as tx:
        for table, row in FILL.items():
            await tx.execute(sa.text(f"INSERT INTO {table} {row}"))
        await tx.execute(sa.text("ANALYZE"))
    async with dispatch_db.connect() as tx:
        async with overhearing(dispatch_db) as heard:
            await halts.cancel_all(tx, APP, NOON)
            await halts.pause(tx, filled, NOON)
            await halts.resume(tx, filled)
            await halts.cancel(tx, filled, NOON)
            await halts.read_halted(tx, [(OTHER_APP, filled.message_id)])
            await halts.hold_paused(tx, [(OTHER_APP, filled.message_id)])
        lines: list[str] = []
        for statement, parameters in heard:
            lines += (await tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)).scalars()

    assert "Seq Scan" not in "\n".join(lines), lines


FILL = {
    "plans": """
        (app_id, message_id)
        SELECT gen_random_uuid(), lpad(n::text, 8, '0') FROM generate_series(1, 20000) AS n
    """,
    "parcels": """
        (app_id, message_id, lane, place, platform, after_uid, through_uid, first_time, state)
        SELECT gen_random_uuid(), lpad(n::text, 8, '0'), 2, n, 1, n, n + 1, now(), 1
        FROM generate_series(1, 20000) AS n
    """,
    "messages": """
        (app_id, message_id, content, target, annotation, trace_parent, status, create_time,
         start_time)
        SELECT gen_random_uuid(), lpad(n::text, 8, '0'), '{}', '{}', '', '', 3, now(), now()
        FROM generate_series(1, 20000) AS n
    """,
}
