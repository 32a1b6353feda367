"""Kept counts: what would take a walk through the book to count is known without one.

Triggers on `devices` note every change as a row; folding adds these rows into totals. A total is
what was folded and what was not yet, read in one statement, and so it is exact at any moment.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.device import DayCount, Platform
from services.registry.store.tables import (
    PLATFORM_NUMBERS,
    device_count_changes,
    device_counts,
)

# The kinds that the triggers write. Written out, not bound, as in the triggers.
LISTED: sa.ColumnElement[int] = sa.literal_column("1")
REGISTERED: sa.ColumnElement[int] = sa.literal_column("2")
ANY_DAY: sa.ColumnElement[date] = sa.literal_column("date '2000-01-01'")
KEY = ("app_id", "kind", "day", "platform")
# Held by whoever folds.
FOLDING = 7274


async def listed(tx: AsyncConnection, app_id: UUID, platforms: Sequence[Platform] = ()) -> int:
    """How many devices are not DEAD, on these platforms or on all."""
    wanted = [PLATFORM_NUMBERS[platform] for platform in platforms or Platform]
    numbers = sa.any_(sa.cast(wanted, sa.ARRAY(sa.SmallInteger)))

    def matching(table: sa.Table, amount: str) -> sa.Select[tuple[int]]:
        key = table.c
        number = sa.type_coerce(key.platform, sa.SmallInteger)
        return sa.select(key[amount].label("amount")).where(
            key.app_id == app_id, key.kind == LISTED, key.day == ANY_DAY, number == numbers
        )

    rows = sa.union_all(
        matching(device_counts, "total"), matching(device_count_changes, "delta")
    ).subquery()
    total = sa.select(sa.func.coalesce(sa.func.sum(rows.c.amount), 0))
    return int((await tx.execute(total)).scalar_one())


async def registered(tx: AsyncConnection, app_id: UUID, since: date) -> list[DayCount]:
    """First registrations by day and platform, from a day on, without those that are zero."""

    def matching(table: sa.Table, amount: str) -> sa.Select[tuple[date, Platform, int]]:
        key = table.c
        return sa.select(key.day, key.platform, key[amount].label("amount")).where(
            key.app_id == app_id, key.kind == REGISTERED, key.day >= since
        )

    rows = sa.union_all(
        matching(device_counts, "total"), matching(device_count_changes, "delta")
    ).subquery()
    query = (
        sa.select(rows.c.day, rows.c.platform, sa.func.sum(rows.c.amount))
        .group_by(rows.c.day, rows.c.platform)
        .order_by(rows.c.day, rows.c.platform)
    )
    return [DayCount(day, platform, int(count)) for day, platform, count in await tx.execute(query)]


async def fold(tx: AsyncConnection, limit: int) -> int:
    """Add the oldest changes into their totals; return how many they were.

    One at a time: who finds another folding has nothing to do.
    """
    if not (await tx.execute(sa.select(sa.func.pg_try_advisory_xact_lock(FOLDING)))).scalar_one():
        return 0
    change = device_count_changes.c
    oldest = sa.select(change.change_id).order_by(change.change_id).limit(limit)
    taken = (
        sa.delete(device_count_changes)
        .where(change.change_id == sa.any_(sa.func.array(oldest.scalar_subquery())))
        .returning(*(change[name] for name in KEY), change.delta)
        .cte("taken")
    )
    keys = [taken.c[name] for name in KEY]
    sums = sa.select(*keys, sa.func.sum(taken.c.delta)).group_by(*keys)
    added = insert(device_counts).from_select([*KEY, "total"], sums)
    folded = added.on_conflict_do_update(
        index_elements=list(KEY),
        set_={"total": device_counts.c.total + added.excluded.total},
    ).returning(sa.select(sa.func.count()).select_from(taken).scalar_subquery())
    count = (await tx.execute(folded)).scalars().first() or 0
    if count:
        empty = device_counts.c.total == sa.literal_column("0")
        await tx.execute(sa.delete(device_counts).where(empty))
    return count


async def forget_application(tx: AsyncConnection, app_id: UUID) -> None:
    """Drop its registrations by day. Its number of devices falls to nothing by itself."""
    days = sa.delete(device_counts).where(
        device_counts.c.app_id == app_id, device_counts.c.kind == REGISTERED
    )
    await tx.execute(days)


async def forget_days(tx: AsyncConnection, before: date) -> int:
    """Drop the registrations of days before this one; return how many rows they were."""
    old = sa.delete(device_counts).where(
        device_counts.c.day < before, device_counts.c.kind == REGISTERED
    )
    return (await tx.execute(old)).rowcount
