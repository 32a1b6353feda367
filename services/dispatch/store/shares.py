"""What each application has had of a lane, and how much it weighs.

A lane's clock is a sequence, for those who move it must not wait for one another: it stands where
the foremost parcel was that anybody took. That no rollback sets it back does no harm.
"""

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.fairness import DEFAULT_WEIGHT, ROAD, Stretch
from services.dispatch.domain.parcels import Lane
from services.dispatch.store.tables import shares, weights

CLOCKS = {Lane.EXPRESS: "express_clock", Lane.BULK: "bulk_clock"}


def read_clock(lane: Lane) -> sa.ScalarSelect[int]:
    """Where a lane stands now."""
    clock = sa.table(CLOCKS[lane], sa.column("last_value", sa.BigInteger))
    return sa.select(clock.c.last_value).scalar_subquery()


def move_clock(lane: Lane, place: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Lets a lane stand at a place, if that is further."""
    return sa.func.setval(CLOCKS[lane], sa.func.greatest(place, read_clock(lane)))


async def take(tx: AsyncConnection, lane: Lane, sizes: Mapping[UUID, int]) -> dict[UUID, Stretch]:
    """Give each application road for so many recipients; its row is locked from here on.

    Rows are locked in the order of their ids.
    """
    apps = sorted(sizes)
    wanted = (
        sa.func.unnest(
            sa.cast(apps, sa.ARRAY(sa.Uuid)),
            sa.cast([sizes[app_id] for app_id in apps], sa.ARRAY(sa.BigInteger)),
        )
        .table_valued(sa.column("app_id", sa.Uuid), sa.column("size", sa.BigInteger), name="wanted")
        .render_derived()
    )
    weight = sa.func.coalesce(weights.c.weight, DEFAULT_WEIGHT)
    length = sa.func.greatest(wanted.c.size * ROAD / sa.cast(weight, sa.BigInteger), 1)
    asked = (
        sa.select(
            wanted.c.app_id,
            sa.literal(int(lane), sa.SmallInteger),
            read_clock(lane) + length,
            length,
        )
        .select_from(wanted.outerjoin(weights, weights.c.app_id == wanted.c.app_id))
        .order_by(wanted.c.app_id)
    )
    insert = pg.insert(shares).from_select(["app_id", "lane", "finish", "length"], asked)
    now = insert.excluded.finish - insert.excluded.length
    given = await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["app_id", "lane"],
            set_={
                "finish": sa.func.greatest(shares.c.finish, now) + insert.excluded.length,
                "length": insert.excluded.length,
            },
        ).returning(shares.c.app_id, shares.c.finish, shares.c.length)
    )
    return {row.app_id: Stretch(row.finish - row.length, row.length) for row in given}


async def read_turn(tx: AsyncConnection, app_id: UUID, ready: sa.ScalarSelect[int]) -> int:
    """Where an application stands in its own messages: at `ready`, or behind all it ever had."""
    stands = sa.select(
        sa.func.coalesce(
            ready,
            sa.select(shares.c.turn)
            .where(shares.c.app_id == app_id, shares.c.lane == Lane.BULK)
            .scalar_subquery(),
            0,
        )
    )
    return int((await tx.execute(stands)).scalar_one())


async def note_turn(tx: AsyncConnection, app_id: UUID, turn: int) -> None:
    """Note how far a message of the application reaches."""
    await tx.execute(
        sa.update(shares)
        .where(shares.c.app_id == app_id, shares.c.lane == Lane.BULK, shares.c.turn < turn)
        .values(turn=turn)
    )


async def read_weight(tx: AsyncConnection, app_id: UUID) -> int:
    query = sa.select(weights.c.weight).where(weights.c.app_id == app_id)
    weight: int | None = (await tx.execute(query)).scalar_one_or_none()
    return DEFAULT_WEIGHT if weight is None else weight


async def write_weight(tx: AsyncConnection, app_id: UUID, weight: int) -> None:
    insert = pg.insert(weights).values(app_id=app_id, weight=weight)
    await tx.execute(
        insert.on_conflict_do_update(index_elements=["app_id"], set_={"weight": weight})
    )


async def forget(tx: AsyncConnection, app_id: UUID) -> None:
    """Drop what is known of a deleted application."""
    for table in (shares, weights):
        await tx.execute(sa.delete(table).where(table.c.app_id == app_id))
