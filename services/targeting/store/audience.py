"""Who is subscribed to any of some tags, by platform and uid: to be cut, and to be resolved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.prepared import Prepared
from services.targeting.domain.platforms import Platform
from services.targeting.domain.slices import Slice
from services.targeting.store.arrays import (
    APP_ID,
    MOST,
    as_rows,
    bound_numbers,
    bounds_of,
    by_place,
    listed,
    numbers,
    stretches,
)
from services.targeting.store.tables import PLATFORM_NUMBERS, subscriptions

NUMBERS, SMALL_NUMBERS = sa.ARRAY(sa.BigInteger), sa.ARRAY(sa.SmallInteger)
HOLDINGS = Prepared(
    sa.select(subscriptions.c.tag_id, sa.func.array_agg(subscriptions.c.uid))
    .where(
        subscriptions.c.app_id == APP_ID,
        subscriptions.c.uid == sa.any_(bound_numbers("uids")),
        subscriptions.c.tag_id == sa.any_(bound_numbers("tag_ids")),
    )
    .group_by(subscriptions.c.tag_id)
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where to look: the subscribers of tags, of one platform, after_uid < uid <= through_uid."""

    app_id: UUID
    tag_ids: Sequence[int]
    platform: Platform
    after_uid: int
    through_uid: int


@dataclass(frozen=True, slots=True)
class Share:
    """So many subscribers up to this uid, since the share before."""

    through_uid: int
    count: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stretch held; without shares if it held more rows than are read at once."""

    rows: int
    shares: tuple[Share, ...] | None


async def bounds(tx: AsyncConnection, stretch: Stretch) -> tuple[int, int] | None:
    """The first and the last uid that there is in a stretch; None if there is none."""
    tag = as_rows("tag", tag_id=numbers(stretch.tag_ids))
    uids = sa.select(subscriptions.c.uid).where(
        subscriptions.c.app_id == stretch.app_id,
        subscriptions.c.tag_id == tag.c.tag_id,
        subscriptions.c.platform == PLATFORM_NUMBERS[stretch.platform],
        subscriptions.c.uid > stretch.after_uid,
        subscriptions.c.uid <= stretch.through_uid,
    )
    first = uids.order_by(subscriptions.c.uid).limit(1).lateral("first")
    last = uids.order_by(subscriptions.c.uid.desc()).limit(1).lateral("last")
    statement = sa.select(sa.func.min(first.c.uid), sa.func.max(last.c.uid)).select_from(
        tag.join(first, sa.true()).join(last, sa.true())
    )
    low, high = (await tx.execute(statement)).one()
    return None if low is None else (low, high)


async def share_out(
    tx: AsyncConnection, stretch: Stretch, *, size: int, carried: int, max_rows: int
) -> Reading:
    """Cut the subscribers in a stretch into shares of `size`, the first less what is `carried`."""
    rows = (
        sa.select(subscriptions.c.uid)
        .where(
            subscriptions.c.app_id == stretch.app_id,
            subscriptions.c.tag_id == sa.any_(numbers(stretch.tag_ids)),
            subscriptions.c.platform == PLATFORM_NUMBERS[stretch.platform],
            subscriptions.c.uid > stretch.after_uid,
            subscriptions.c.uid <= stretch.through_uid,
        )
        .limit(max_rows + 1)
        .cte("rows")
    )
    uids = sa.select(rows.c.uid).distinct().subquery("uids")
    place = sa.func.row_number().over(order_by=uids.c.uid) - 1 + carried
    placed = sa.select(uids.c.uid, (place // size).label("share")).subquery("placed")
    read = sa.select(sa.func.count()).select_from(rows).scalar_subquery()
    statement = (
        sa.select(sa.func.max(placed.c.uid), sa.func.count(), read)
        .group_by(placed.c.share)
        .order_by(placed.c.share)
    )
    found = (await tx.execute(statement)).all()
    if not found:
        return Reading(0, ())
    read_rows = found[0][2]
    if read_rows > max_rows:
        return Reading(read_rows, None)
    return Reading(read_rows, tuple(Share(uid, count) for uid, count, _ in found))


async def members(
    tx: AsyncConnection,
    app_id: UUID,
    tag_ids: Sequence[int],
    platforms: Sequence[Platform],
    pieces: Sequence[Slice],
    limit: int,
) -> list[list[int]]:
    """Of each slice, the lowest `limit` uids that are subscribed to one of the tags."""
    rows = await MEMBERS.fetch(
        tx,
        app_id=app_id,
        tag_ids=tag_ids,
        platforms=[PLATFORM_NUMBERS[platform] for platform in platforms],
        most=limit,
        **bounds_of(pieces),
    )
    return by_place(rows, len(pieces))


def _select_members() -> sa.Select[Any]:
    """Each (stretch, tag, platform) is one stretch of the key: no more than needed is read."""
    stretch = stretches()
    tag = as_rows("tag", tag_id=sa.cast(bound_numbers("tag_ids"), NUMBERS))
    numbered = sa.cast(sa.bindparam("platforms", type_=SMALL_NUMBERS), SMALL_NUMBERS)
    platform = as_rows("platform", number=numbered)
    lowest = (
        sa.select(subscriptions.c.uid)
        .where(
            subscriptions.c.app_id == APP_ID,
            subscriptions.c.tag_id == tag.c.tag_id,
            subscriptions.c.platform == platform.c.number,
            subscriptions.c.uid > stretch.c.after_uid,
            subscriptions.c.uid <= stretch.c.through_uid,
        )
        .order_by(subscriptions.c.uid)
        .limit(MOST)
        .correlate(stretch, tag, platform)
        .lateral("lowest")
    )
    held = (
        sa.select(lowest.c.uid)
        .select_from(tag.join(platform, sa.true()).join(lowest, sa.true()))
        .distinct()
        .order_by(lowest.c.uid)
        .limit(MOST)
        .correlate(stretch)
        .lateral("held")
    )
    return listed(stretch, held)


MEMBERS = Prepared(_select_members())


async def holders(
    tx: AsyncConnection, app_id: UUID, tag_ids: Sequence[int], uids: Sequence[int]
) -> list[int]:
    """Those of the uids, ascending, that are subscribed to one of the tags."""
    statement = (
        sa.select(subscriptions.c.uid)
        .where(
            subscriptions.c.app_id == app_id,
            subscriptions.c.uid == sa.any_(numbers(uids)),
            subscriptions.c.tag_id == sa.any_(numbers(tag_ids)),
        )
        .distinct()
        .order_by(subscriptions.c.uid)
    )
    return list((await tx.execute(statement)).scalars())


async def holdings(
    tx: AsyncConnection, app_id: UUID, tag_ids: Sequence[int], uids: Sequence[int]
) -> dict[int, list[int]]:
    """By each of the tags that any of the uids is subscribed to: which of them are."""
    rows = await HOLDINGS.fetch(tx, app_id=app_id, tag_ids=tag_ids, uids=uids)
    return dict(map(tuple, rows))
