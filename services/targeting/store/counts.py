"""Kept counts: how many tags there are, and how many subscribe to them, is known without counting.

Triggers note every change as a row; folding adds these rows into totals. A total is what was
folded and what was not yet, read in one statement, and so it is exact at any moment.
"""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.targeting.store.arrays import numbers
from services.targeting.store.tables import count_changes, counts

# The kinds that the triggers write. Written out, not bound, as in the triggers.
TAGS: sa.ColumnElement[int] = sa.literal_column("1")
OF_TAG: sa.ColumnElement[int] = sa.literal_column("2")
SUBSCRIPTIONS: sa.ColumnElement[int] = sa.literal_column("3")
KEY = ("app_id", "kind", "tag_id")
# Held by whoever folds.
FOLDING = 7275


async def tags_of(tx: AsyncConnection, app_id: UUID) -> int:
    return (await _read(tx, app_id, TAGS, (0,)))[0]


async def subscriptions_of(tx: AsyncConnection, app_id: UUID) -> int:
    return (await _read(tx, app_id, SUBSCRIPTIONS, (0,)))[0]


async def subscriptions_to(
    tx: AsyncConnection, app_id: UUID, tag_ids: Sequence[int]
) -> dict[int, int]:
    """How many subscribe to each of these tags."""
    return await _read(tx, app_id, OF_TAG, tag_ids)


async def _read(
    tx: AsyncConnection, app_id: UUID, kind: sa.ColumnElement[int], tag_ids: Sequence[int]
) -> dict[int, int]:
    def matching(table: sa.Table, amount: str) -> sa.Select[tuple[int, int]]:
        key = table.c
        return sa.select(key.tag_id, key[amount].label("amount")).where(
            key.app_id == app_id, key.kind == kind, key.tag_id == sa.any_(numbers(tag_ids))
        )

    rows = sa.union_all(matching(counts, "total"), matching(count_changes, "delta")).subquery()
    query = sa.select(rows.c.tag_id, sa.func.sum(rows.c.amount)).group_by(rows.c.tag_id)
    found = {tag_id: int(total) for tag_id, total in await tx.execute(query)}
    return {tag_id: found.get(tag_id, 0) for tag_id in tag_ids}


async def fold(tx: AsyncConnection, limit: int) -> int:
    """Add the oldest changes into their totals; return how many they were.

    One at a time: who finds another folding has nothing to do.
    """
    if not (await tx.execute(sa.select(sa.func.pg_try_advisory_xact_lock(FOLDING)))).scalar_one():
        return 0
    change = count_changes.c
    oldest = sa.select(change.change_id).order_by(change.change_id).limit(limit)
    taken = (
        sa.delete(count_changes)
        .where(change.change_id == sa.any_(sa.func.array(oldest.scalar_subquery())))
        .returning(*(change[name] for name in KEY), change.delta)
        .cte("taken")
    )
    keys = [taken.c[name] for name in KEY]
    sums = sa.select(*keys, sa.func.sum(taken.c.delta)).group_by(*keys)
    added = insert(counts).from_select([*KEY, "total"], sums)
    folded = added.on_conflict_do_update(
        index_elements=list(KEY), set_={"total": counts.c.total + added.excluded.total}
    ).returning(sa.select(sa.func.count()).select_from(taken).scalar_subquery())
    count = (await tx.execute(folded)).scalars().first() or 0
    if count:
        await tx.execute(sa.delete(counts).where(counts.c.total == sa.literal_column("0")))
    return count
