"""Who is reachable, read in bulk and in the order of uids."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.device import Platform
from services.registry.domain.recipient import (
    DeviceIds,
    Everyone,
    Filter,
    Recipient,
    Slice,
    Stretch,
)
from services.registry.store.applications import is_known
from services.registry.store.rows import rows
from services.registry.store.tables import IS_ACTIVE, devices

COLUMNS = (
    devices.c.uid,
    devices.c.platform,
    devices.c.address,
    devices.c.variables,
    devices.c.environment,
    devices.c.newer_twin_uid,
)


async def cut(
    tx: AsyncConnection,
    app_id: UUID,
    filter_: Filter,
    platform: Platform,
    *,
    after_uid: int,
    size: int,
    limit: int,
) -> list[Slice]:
    """At most `limit` slices of `size` recipients, in one pass over the index.

    They follow each other without a gap; only the last may hold fewer than `size`.
    """
    stretch = Stretch(platform, after_uid)
    found = _within(app_id, filter_, stretch, size * limit, devices.c.uid).subquery()
    place = sa.func.row_number().over(order_by=found.c.uid) - 1
    numbered = sa.select(found.c.uid, (place // size).label("cut")).subquery()
    query = (
        sa.select(sa.func.max(numbered.c.uid), sa.func.count())
        .group_by(numbered.c.cut)
        .order_by(numbered.c.cut)
    )
    slices = []
    for through_uid, count in await tx.execute(query):
        slices.append(Slice(platform, after_uid, through_uid, count))
        after_uid = through_uid
    return slices


async def within(
    tx: AsyncConnection, app_id: UUID, filter_: Filter, stretch: Stretch, limit: int
) -> list[Recipient]:
    """At most `limit` recipients of a stretch, the lowest uids first, or backward the highest."""
    found = await tx.execute(_within(app_id, filter_, stretch, limit, *COLUMNS))
    return [Recipient._make(row) for row in found]


async def behind(tx: AsyncConnection, app_id: UUID, uids: Sequence[int]) -> list[Recipient]:
    """The recipients behind these uids, the lowest first, without who is not reachable."""
    query = (
        sa.select(*COLUMNS)
        .where(
            devices.c.app_id == app_id,
            devices.c.uid == sa.any_(sa.cast(uids, sa.ARRAY(sa.BigInteger))),
            IS_ACTIVE,
            is_known(app_id),
        )
        .order_by(devices.c.uid)
    )
    return [Recipient._make(row) for row in await tx.execute(query)]


def _within(
    app_id: UUID, filter_: Filter, stretch: Stretch, limit: int, *columns: sa.Column[Any]
) -> sa.Select[Any]:
    """At most `limit` ACTIVE devices of the filter within the stretch, by uid.

    Names are looked up one by one, each by its index and with the limit: whatever the planner
    thinks of their number, it has no way to scan the application for them.
    """
    here = [devices.c.app_id == app_id, devices.c.uid > stretch.after_uid, IS_ACTIVE]
    if stretch.platform is not None:
        here.append(devices.c.platform == stretch.platform)
    if stretch.through_uid is not None:
        here.append(devices.c.uid <= stretch.through_uid)

    def ordered(uid: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return uid.desc() if stretch.backward else uid.asc()

    found = sa.select(*columns).order_by(ordered(devices.c.uid)).limit(limit)
    if isinstance(filter_, Everyone):
        return found.where(*here, is_known(app_id))
    column = devices.c.device_id if isinstance(filter_, DeviceIds) else devices.c.user_id
    wanted = rows("wanted", name=(sa.Text, list(filter_.names)))
    each = found.where(*here, column == wanted.c.name).lateral("each")
    return (
        sa.select(*each.c)
        .select_from(wanted.join(each, sa.true()))
        .where(is_known(app_id))
        .order_by(ordered(each.c.uid))
        .limit(limit)
    )
