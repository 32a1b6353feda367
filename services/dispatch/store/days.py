"""What is kept by days: partitions are opened ahead, and dropped whole when their time is over."""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# By the day of the message: all that is known of it is forgotten at once.
PARTITIONED = ("ledger", "receipts", "receipt_counts")


async def open_days(tx: AsyncConnection, first: date, days: int) -> None:
    """Make sure that the partitions of these days exist. Safe to repeat and to race."""
    await tx.execute(sa.text("SELECT pg_advisory_xact_lock(7272)"))
    for table in PARTITIONED:
        for offset in range(days):
            day = first + timedelta(days=offset)
            await tx.execute(
                sa.text(
                    f"CREATE TABLE IF NOT EXISTS {_partition(table, day)} PARTITION OF {table} "
                    f"FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
                )
            )


async def read_clock(tx: AsyncConnection) -> datetime:
    """What time it is by the database's clock."""
    now: datetime = (await tx.execute(sa.select(sa.func.now()))).scalar_one()
    return now


async def are_open(tx: AsyncConnection, day: date) -> bool:
    names = [f"to_regclass('{_partition(table, day)}') IS NOT NULL" for table in PARTITIONED]
    return bool((await tx.execute(sa.text(f"SELECT {' AND '.join(names)}"))).scalar_one())


async def drop_days(tx: AsyncConnection, before: date) -> list[str]:
    """Drop the partitions of days before this one; return their names."""
    names: list[str] = []
    for table in PARTITIONED:
        found = await tx.execute(
            sa.text(
                "SELECT inhrelid::regclass::text FROM pg_inherits "
                "WHERE inhparent = CAST(:parent AS regclass) "
                "AND inhrelid::regclass::text < :oldest"
            ),
            {"parent": table, "oldest": _partition(table, before)},
        )
        names += found.scalars()
    for name in names:
        await tx.execute(sa.text(f"DROP TABLE {name}"))
    return names


def _partition(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"
