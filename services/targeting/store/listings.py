"""Lists of subscriptions as (uid, tag name), in that order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.targeting.domain.platforms import PLATFORMS
from services.targeting.domain.subscriptions import TagFilter, Window
from services.targeting.domain.targets import PUSH_ALL
from services.targeting.store.arrays import as_rows, numbers, platform_numbers
from services.targeting.store.tables import opt_outs, subscriptions, tags

MAX_TOTAL = 100_000

Rows = list[tuple[int, str]]


async def of_devices(
    tx: AsyncConnection, app_id: UUID, uids: Sequence[int], wanted: TagFilter, window: Window
) -> tuple[Rows, int]:
    """Subscriptions of these devices, with `Push.ALL` for each that has not opted out."""
    device = as_rows("device", uid=numbers(uids))
    parts: list[sa.Select[Any]] = [
        sa.select(subscriptions.c.uid, tags.c.name)
        .select_from(subscriptions.join(tags, _same_tag()))
        .where(
            subscriptions.c.app_id == app_id,
            subscriptions.c.uid == sa.any_(numbers(uids)),
            *_matches(wanted),
        )
    ]
    if wanted.admits_broadcast():
        out = sa.exists().where(opt_outs.c.app_id == app_id, opt_outs.c.uid == device.c.uid)
        broadcast = sa.cast(PUSH_ALL, sa.Text(collation="C")).label("name")
        parts.append(sa.select(device.c.uid, broadcast).where(~out))
    rows = sa.union_all(*parts).subquery("rows")
    return await _page(tx, sa.select(rows.c.uid, rows.c.name), window), await _count(
        tx, sa.select(rows.c.uid)
    )


async def of_tags(
    tx: AsyncConnection, app_id: UUID, tag_ids: Sequence[int], window: Window
) -> tuple[Rows, int]:
    """Subscriptions to a few tags: each (tag, platform) is read in its own order, then merged."""
    tag = as_rows("tag", tag_id=numbers(tag_ids))
    platform = as_rows("platform", number=platform_numbers(PLATFORMS))
    lowest = (
        sa.select(subscriptions.c.uid)
        .where(
            subscriptions.c.app_id == app_id,
            subscriptions.c.tag_id == tag.c.tag_id,
            subscriptions.c.platform == platform.c.number,
            subscriptions.c.uid >= window.after[0],
        )
        .order_by(subscriptions.c.uid)
        # One more than wanted: the first may stand before the position.
        .limit(window.skip + window.limit + 1)
        .lateral("lowest")
    )
    rows = (
        sa.select(lowest.c.uid, tags.c.name)
        .select_from(
            tag.join(tags, sa.and_(tags.c.app_id == app_id, tags.c.tag_id == tag.c.tag_id))
            .join(platform, sa.true())
            .join(lowest, sa.true())
        )
        .subquery("rows")
    )
    counted = sa.select(subscriptions.c.uid).where(
        subscriptions.c.app_id == app_id, subscriptions.c.tag_id == sa.any_(numbers(tag_ids))
    )
    page = await _page(tx, sa.select(rows.c.uid, rows.c.name), window)
    return page, await _count(tx, counted)


async def of_application(
    tx: AsyncConnection, app_id: UUID, wanted: TagFilter, window: Window
) -> tuple[Rows, int]:
    """All subscriptions of an application, walked device by device."""
    matching = (
        sa.select(subscriptions.c.uid, tags.c.name)
        .select_from(subscriptions.join(tags, _same_tag()))
        .where(subscriptions.c.app_id == app_id, *_matches(wanted))
    )
    # Said of the table itself, so that the walk begins where the page before ended.
    page = await _page(tx, matching.where(subscriptions.c.uid >= window.after[0]), window)
    return page, await _count(tx, matching)


async def _page(tx: AsyncConnection, rows: sa.Select[Any], window: Window) -> Rows:
    uid, name = rows.selected_columns
    after_uid, after_name = window.after
    beyond = sa.or_(uid > after_uid, sa.and_(uid == after_uid, name > after_name))
    statement = rows.where(beyond).order_by(uid, name).offset(window.skip).limit(window.limit)
    return [(row[0], row[1]) for row in await tx.execute(statement)]


async def _count(tx: AsyncConnection, rows: sa.Select[Any]) -> int:
    some = rows.limit(MAX_TOTAL).subquery("some")
    return (await tx.execute(sa.select(sa.func.count()).select_from(some))).scalar_one()


def _same_tag() -> sa.ColumnElement[bool]:
    return sa.and_(tags.c.app_id == subscriptions.c.app_id, tags.c.tag_id == subscriptions.c.tag_id)


def _matches(wanted: TagFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.name is not None:
        conditions.append(tags.c.name == wanted.name)
    if wanted.contains:
        conditions.append(sa.func.strpos(tags.c.name, wanted.contains) > 0)
    return conditions
