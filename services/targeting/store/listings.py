"""Lists of subscriptions as (uid, tag number, tag name), in the order of the first two.

Each is read beyond a position and in either direction, by an index of that order.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.paging import Window
from services.targeting.domain.platforms import Platform
from services.targeting.domain.subscriptions import NO_TAG, Place, TagFilter
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.store.arrays import as_rows, numbers, platform_numbers, texts
from services.targeting.store.tables import opt_outs, subscriptions, tags

Stretch: TypeAlias = Window[Place]


class Row(NamedTuple):
    """A subscription. Without a name it is one that was met on the way and is not asked for."""

    uid: int
    tag_id: int
    name: str | None


async def of_devices(
    tx: AsyncConnection, app_id: UUID, uids: Sequence[int], wanted: TagFilter, window: Stretch
) -> list[Row]:
    """Subscriptions of these devices, with `Push.ALL` for each that has not opted out."""
    uid, tag_id = subscriptions.c.uid, subscriptions.c.tag_id
    parts: list[sa.Select[Any]] = [
        sa.select(uid, tag_id, tags.c.name)
        .select_from(subscriptions.join(tags, _same_tag()))
        .where(
            subscriptions.c.app_id == app_id,
            uid == sa.any_(numbers(uids)),
            *_matches(wanted),
            *_beyond(window, uid, tag_id),
        )
    ]
    if wanted.admits_broadcast():
        device = as_rows("device", uid=numbers(uids))
        out = sa.exists().where(opt_outs.c.app_id == app_id, opt_outs.c.uid == device.c.uid)
        number = sa.cast(NO_TAG, sa.BigInteger).label("tag_id")
        broadcast = sa.cast(PUSH_ALL, sa.Text(collation="C")).label("name")
        parts.append(
            sa.select(device.c.uid, number, broadcast).where(
                ~out, *_beyond(window, device.c.uid, number)
            )
        )
    rows = sa.union_all(*parts).subquery("rows")
    return await _read(tx, sa.select(rows), rows.c, window, window.skip)


async def of_tags(
    tx: AsyncConnection,
    app_id: UUID,
    tag_ids: Sequence[int],
    platforms: Sequence[Platform],
    window: Stretch,
    limit: int,
) -> list[Row]:
    """Subscriptions to a few tags: each (tag, platform) is read in its own order, then merged."""
    tag = as_rows("tag", tag_id=numbers(tag_ids))
    platform = as_rows("platform", number=platform_numbers(platforms))
    first = (
        sa.select(subscriptions.c.uid)
        .where(
            subscriptions.c.app_id == app_id,
            subscriptions.c.tag_id == tag.c.tag_id,
            subscriptions.c.platform == platform.c.number,
            *_not_before(window, subscriptions.c.uid),
        )
        .order_by(_ordered(window, subscriptions.c.uid))
        # One more than wanted: the first may stand before the position.
        .limit(limit + 1)
        .lateral("first")
    )
    rows = (
        sa.select(first.c.uid, tags.c.tag_id, tags.c.name)
        .select_from(
            tag.join(tags, sa.and_(tags.c.app_id == app_id, tags.c.tag_id == tag.c.tag_id))
            .join(platform, sa.true())
            .join(first, sa.true())
        )
        .subquery("rows")
    )
    beyond = sa.select(rows).where(*_beyond(window, rows.c.uid, rows.c.tag_id))
    return await _read(tx, beyond, rows.c, window, 0, limit)


async def walk(
    tx: AsyncConnection,
    app_id: UUID,
    wanted: TagFilter,
    platforms: Sequence[Platform],
    window: Stretch,
    limit: int,
) -> list[Row]:
    """The next `limit` subscriptions of an application, whether asked for or not."""
    met = (
        sa.select(subscriptions.c.uid, subscriptions.c.tag_id, subscriptions.c.platform)
        .where(
            subscriptions.c.app_id == app_id,
            *_beyond(window, subscriptions.c.uid, subscriptions.c.tag_id),
        )
        .order_by(_ordered(window, subscriptions.c.uid), _ordered(window, subscriptions.c.tag_id))
        .limit(limit)
        .subquery("met")
    )
    asked_for = sa.and_(
        tags.c.app_id == app_id,
        tags.c.tag_id == met.c.tag_id,
        met.c.platform == sa.any_(platform_numbers(platforms)),
        *_matches(wanted),
    )
    rows = sa.select(met.c.uid, met.c.tag_id, tags.c.name).select_from(
        met.outerjoin(tags, asked_for)
    )
    return await _read(tx, rows, met.c, window, 0, limit)


async def name_of(tx: AsyncConnection, app_id: UUID, uid: int, tag_id: int) -> str | None:
    """The name of a tag that a device is subscribed to; None if it is not."""
    query = (
        sa.select(tags.c.name)
        .select_from(subscriptions.join(tags, _same_tag()))
        .where(
            subscriptions.c.app_id == app_id,
            subscriptions.c.uid == uid,
            subscriptions.c.tag_id == tag_id,
        )
    )
    return (await tx.execute(query)).scalar()


async def _read(
    tx: AsyncConnection,
    rows: sa.Select[Any],
    columns: Any,  # noqa: ANN401  a selectable's
    window: Stretch,
    skip: int,
    limit: int | None = None,
) -> list[Row]:
    statement = (
        rows.order_by(_ordered(window, columns.uid), _ordered(window, columns.tag_id))
        .offset(skip)
        .limit(window.limit if limit is None else limit)
    )
    return [Row._make(row) for row in await tx.execute(statement)]


def _ordered(window: Stretch, column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return column.desc() if window.backward else column.asc()


def _beyond(
    window: Stretch, uid: sa.ColumnElement[int], tag_id: sa.ColumnElement[int]
) -> list[sa.ColumnElement[bool]]:
    if window.position is None:
        return []
    here = sa.tuple_(uid, tag_id)
    place = sa.tuple_(*(sa.cast(number, sa.BigInteger) for number in window.position))
    return [here < place if window.backward else here > place]


def _not_before(window: Stretch, uid: sa.ColumnElement[int]) -> list[sa.ColumnElement[bool]]:
    if window.position is None:
        return []
    at = window.position[0]
    return [uid <= at if window.backward else uid >= at]


def _same_tag() -> sa.ColumnElement[bool]:
    return sa.and_(tags.c.app_id == subscriptions.c.app_id, tags.c.tag_id == subscriptions.c.tag_id)


def _matches(wanted: TagFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.names is not None:
        conditions.append(tags.c.name == sa.any_(texts(sorted(wanted.names))))
    return conditions + [
        sa.or_(*(sa.func.strpos(tags.c.name, part) > 0 for part in parts)) for parts in wanted.parts
    ]
