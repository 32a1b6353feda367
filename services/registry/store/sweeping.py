"""Removes what nobody asks for any more, a batch at a time. Each verb may be repeated."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.store.tables import applications, changes, devices, tombstones


async def take_deleted_application(tx: AsyncConnection) -> UUID | None:
    """An application whose devices remain to be swept, kept from other sweepers; None if none."""
    query = (
        sa.select(applications.c.app_id)
        .where(applications.c.delete_time.is_not(None), applications.c.swept_time.is_(None))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (await tx.execute(query)).scalar()


async def remove_devices(tx: AsyncConnection, app_id: UUID, limit: int) -> int:
    """Remove some devices and tombstones of a deleted application; return how many."""
    removed = 0
    for table in (devices, tombstones):
        some = sa.select(table.c.uid).where(table.c.app_id == app_id).limit(limit - removed)
        statement = sa.delete(table).where(table.c.app_id == app_id, table.c.uid.in_(some))
        removed += (await tx.execute(statement)).rowcount
    return removed


async def note_swept(tx: AsyncConnection, app_id: UUID, now: datetime) -> None:
    swept = sa.update(applications).where(applications.c.app_id == app_id)
    await tx.execute(swept.values(swept_time=now))


async def remove_tombstones(tx: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove tombstones older than any outcome that could name them; return how many."""
    old = (
        sa.select(tombstones.c.app_id, tombstones.c.uid)
        .where(tombstones.c.delete_time < before)
        .order_by(tombstones.c.delete_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    statement = sa.delete(tombstones).where(
        tombstones.c.app_id == old.c.app_id, tombstones.c.uid == old.c.uid
    )
    return (await tx.execute(statement)).rowcount


async def remove_changes(tx: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove changes that every reader has had its time to read; return how many."""
    oldest = (
        sa.select(changes.c.position, changes.c.id, changes.c.create_time)
        .order_by(changes.c.position, changes.c.id)
        .limit(limit)
        .cte("oldest")
    )
    statement = sa.delete(changes).where(
        changes.c.position == oldest.c.position,
        changes.c.id == oldest.c.id,
        oldest.c.create_time < before,
    )
    return (await tx.execute(statement)).rowcount
