"""Kept counts: messages, outcomes by day, and receipts by message, known without counting.

Whoever writes what is counted notes the change as a row, in its transaction; folding adds these
rows into totals. A total is what was folded and what was not yet, read in one statement, and so it
is exact at any moment.
"""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import DayCount, Outcome, OutcomeCount
from services.dispatch.store.tables import count_changes, day_counts, receipt_counts

# Messages are counted under one day, as this outcome.
ANY_DAY = date(2000, 1, 1)
MESSAGES = 0
# Held by whoever folds.
FOLDING = 7276


async def note_messages(tx: AsyncConnection, changes: Mapping[UUID, int]) -> None:
    """So many messages came to these applications, or went from them."""
    rows = [
        _row(app_id, ANY_DAY, Platform.MIXED, MESSAGES, delta)
        for app_id, delta in sorted(changes.items())
    ]
    if rows:
        await tx.execute(sa.insert(count_changes), rows)


def _row(app_id: UUID, day: date, platform: int, outcome: int, delta: int) -> dict[str, object]:
    return {
        "app_id": app_id,
        "day": day,
        "platform": int(platform),
        "outcome": int(outcome),
        "delta": delta,
    }


async def messages_of(tx: AsyncConnection, app_id: UUID) -> int:
    """How many messages an application has, without cancelled ones."""

    def matching(table: sa.Table, amount: str) -> sa.Select[tuple[int]]:
        return sa.select(table.c[amount].label("amount")).where(
            table.c.app_id == app_id, table.c.day == ANY_DAY, table.c.outcome == MESSAGES
        )

    rows = sa.union_all(matching(day_counts, "total"), matching(count_changes, "delta")).subquery()
    total = sa.select(sa.func.coalesce(sa.func.sum(rows.c.amount), 0))
    return int((await tx.execute(total)).scalar_one())


async def outcomes_of(tx: AsyncConnection, app_id: UUID, since: date) -> list[DayCount]:
    """What stands on record of an application's messages from a day on, without zeros."""

    def matching(table: sa.Table, amount: str) -> sa.Select[tuple[date, int, int, int]]:
        key = table.c
        return sa.select(key.day, key.platform, key.outcome, key[amount].label("amount")).where(
            key.app_id == app_id, key.day >= since, key.outcome != MESSAGES
        )

    rows = sa.union_all(matching(day_counts, "total"), matching(count_changes, "delta")).subquery()
    key = (rows.c.day, rows.c.platform, rows.c.outcome)
    total = sa.func.sum(rows.c.amount)
    query = sa.select(*key, total).group_by(*key).having(total != 0).order_by(*key)
    return [
        DayCount(day, Platform(platform), Outcome(outcome), int(count))
        for day, platform, outcome, count in await tx.execute(query)
    ]


async def receipts_of(
    tx: AsyncConnection, app_id: UUID, message_id: str, day: date
) -> list[OutcomeCount]:
    """How many devices of a message reported what, each counted where it came furthest."""

    def matching(table: sa.Table, amount: str) -> sa.Select[tuple[int, int, int]]:
        key = table.c
        return sa.select(key.platform, key.outcome, key[amount].label("amount")).where(
            key.app_id == app_id, key.day == day, key.message_id == message_id
        )

    rows = sa.union_all(
        matching(receipt_counts, "total"), matching(count_changes, "delta")
    ).subquery()
    key = (rows.c.platform, rows.c.outcome)
    total = sa.func.sum(rows.c.amount)
    query = sa.select(*key, total).group_by(*key).having(total != 0).order_by(*key)
    return [
        OutcomeCount(Platform(platform), Outcome(outcome), "", int(count))
        for platform, outcome, count in await tx.execute(query)
    ]


async def fold(tx: AsyncConnection, limit: int) -> int:
    """Add the oldest changes into their totals; return how many they were.

    One at a time: who finds another folding has nothing to do.
    """
    if not (await tx.execute(sa.select(sa.func.pg_try_advisory_xact_lock(FOLDING)))).scalar_one():
        return 0
    change = count_changes.c
    oldest = sa.select(change.change_id).order_by(change.change_id).limit(limit)
    key = (change.app_id, change.day, change.message_id, change.platform, change.outcome)
    taken = (
        sa.delete(count_changes)
        .where(change.change_id == sa.any_(sa.func.array(oldest.scalar_subquery())))
        .returning(*key, change.delta)
        .cte("taken")
    )
    of_messages = _add(receipt_counts, taken, taken.c.message_id != "").cte("of_messages")
    of_days = _add(day_counts, taken, sa.true()).returning(
        sa.select(sa.func.count()).select_from(taken).scalar_subquery()
    )
    return (await tx.execute(of_days.add_cte(of_messages))).scalars().first() or 0


def _add(table: sa.Table, taken: sa.CTE, wanted: sa.ColumnElement[bool]) -> sa.Insert:
    names = [column.name for column in table.primary_key.columns]
    key = [taken.c[name] for name in names]
    sums = sa.select(*key, sa.func.sum(taken.c.delta)).where(wanted).group_by(*key)
    added = insert(table).from_select([*names, "total"], sums)
    return added.on_conflict_do_update(
        index_elements=names, set_={"total": table.c.total + added.excluded.total}
    )


async def forget_receipts(tx: AsyncConnection, before: date) -> None:
    """Drop changes whose totals are gone with their days: there is nowhere to fold them."""
    change = count_changes.c
    await tx.execute(
        sa.delete(count_changes).where(
            change.day < before, change.day > ANY_DAY, change.message_id != ""
        )
    )


async def forget_days(tx: AsyncConnection, before: date) -> int:
    """Drop what was counted for days before this one; return how many rows it was."""
    old = sa.delete(day_counts).where(day_counts.c.day < before, day_counts.c.day > ANY_DAY)
    return (await tx.execute(old)).rowcount
