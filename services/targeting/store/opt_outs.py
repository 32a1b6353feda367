"""Devices that want no broadcasts. What is kept is who has left: everybody else is in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.prepared import Prepared
from services.targeting.domain.events import EventKind
from services.targeting.domain.slices import Slice
from services.targeting.store import events
from services.targeting.store.arrays import (
    APP_ID,
    MOST,
    as_rows,
    bound_numbers,
    bounds_of,
    by_place,
    guids,
    listed,
    numbers,
    stretches,
)
from services.targeting.store.tables import opt_outs, removals


def _select_within() -> sa.Select[Any]:
    stretch = stretches()
    out = (
        sa.select(opt_outs.c.uid)
        .where(
            opt_outs.c.app_id == APP_ID,
            opt_outs.c.uid > stretch.c.after_uid,
            opt_outs.c.uid <= stretch.c.through_uid,
        )
        .limit(MOST)
        .correlate(stretch)
        .lateral("out")
    )
    return listed(stretch, out)


WITHIN = Prepared(_select_within())
AMONG = Prepared(
    sa.select(opt_outs.c.uid).where(
        opt_outs.c.app_id == APP_ID, opt_outs.c.uid == sa.any_(bound_numbers("uids"))
    )
)


async def leave(tx: AsyncConnection, app_id: UUID, uid: int, now: datetime) -> bool:
    """Take a device out of broadcasts; False if it was out already."""
    out = (
        postgresql.insert(opt_outs)
        .values(app_id=app_id, uid=uid, create_time=now)
        .on_conflict_do_nothing()
        .returning(opt_outs.c.app_id, opt_outs.c.uid)
        .cte("out")
    )
    told = events.tell_of_broadcasts(EventKind.UNSUBSCRIBED, out, now)
    return (await tx.execute(sa.select(out.c.uid).add_cte(told))).first() is not None


async def come_back(tx: AsyncConnection, app_id: UUID, uid: int, now: datetime) -> bool:
    """Take a device back into broadcasts; False if it was in already."""
    back = (
        sa.delete(opt_outs)
        .where(opt_outs.c.app_id == app_id, opt_outs.c.uid == uid)
        .returning(opt_outs.c.app_id, opt_outs.c.uid)
        .cte("back")
    )
    told = events.tell_of_broadcasts(EventKind.SUBSCRIBED, back, now)
    return (await tx.execute(sa.select(back.c.uid).add_cte(told))).first() is not None


async def within(
    tx: AsyncConnection, app_id: UUID, pieces: Sequence[Slice], limit: int
) -> list[list[int]]:
    """Of each stretch, at most `limit` uids that are out, of whatever platform."""
    rows = await WITHIN.fetch(tx, app_id=app_id, **bounds_of(pieces), most=limit)
    return by_place(rows, len(pieces))


async def among(tx: AsyncConnection, app_id: UUID, uids: Sequence[int]) -> list[int]:
    """Those of the uids that are out."""
    return [uid for (uid,) in await AMONG.fetch(tx, app_id=app_id, uids=uids)]


async def count(tx: AsyncConnection, app_id: UUID) -> int:
    statement = sa.select(sa.func.count()).where(opt_outs.c.app_id == app_id)
    return (await tx.execute(statement)).scalar_one()


async def end_devices(tx: AsyncConnection, ended: Sequence[tuple[UUID, int]]) -> int:
    """Forget the opt-outs of these devices (application, uid); return how many."""
    device = as_rows(
        "device",
        app_id=guids(app_id for app_id, _ in ended),
        uid=numbers([uid for _, uid in ended]),
    )
    statement = sa.delete(opt_outs).where(
        opt_outs.c.app_id == device.c.app_id, opt_outs.c.uid == device.c.uid
    )
    return (await tx.execute(statement)).rowcount


async def doom_all(tx: AsyncConnection, app_id: UUID, now: datetime) -> None:
    """Leave every opt-out of an application, as it is now, to be cleared away."""
    highest = sa.select(sa.func.max(opt_outs.c.uid).label("uid")).where(opt_outs.c.app_id == app_id)
    last = highest.subquery()
    statement = sa.insert(removals).from_select(
        ["app_id", "through_uid", "create_time"],
        sa.select(
            sa.cast(app_id, sa.Uuid), last.c.uid, sa.cast(now, sa.DateTime(timezone=True))
        ).where(last.c.uid.is_not(None)),
    )
    await tx.execute(statement)
