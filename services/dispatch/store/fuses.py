"""Blown fuses, and what an operator decided about them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.circuits import BlownFuse, Key
from services.dispatch.domain.messages import Platform
from services.dispatch.store.tables import address_reports, fuses

MAX_READ = 5000


async def read_all(tx: AsyncConnection) -> list[BlownFuse]:
    return [_from_row(row) for row in await tx.execute(sa.select(fuses).limit(MAX_READ))]


async def read_of(tx: AsyncConnection, app_id: UUID) -> list[BlownFuse]:
    found = await tx.execute(
        sa.select(fuses).where(fuses.c.app_id == app_id).order_by(fuses.c.platform, fuses.c.gate)
    )
    return [_from_row(row) for row in found]


async def blow(tx: AsyncConnection, key: Key, share: float) -> bool:
    """Hold the reports of a credential; False if they were held, or are believed for the day."""
    insert = pg.insert(fuses).values(**key._asdict(), share=share)
    blown = await tx.execute(insert.on_conflict_do_nothing())
    if blown.rowcount == 0:
        return False
    await tx.execute(
        sa.update(address_reports).where(*_reports(key), ~address_reports.c.held).values(held=True)
    )
    return True


async def confirm(tx: AsyncConnection, key: Key) -> int | None:
    """Believe the reports, those held and those of the next day; how many, None if none blew."""
    confirmed = await tx.execute(
        sa.update(fuses)
        .where(*_is(key), fuses.c.confirm_time.is_(None))
        .values(confirm_time=sa.func.now())
    )
    if confirmed.rowcount == 0:
        return None
    freed = await tx.execute(
        sa.update(address_reports).where(*_reports(key), address_reports.c.held).values(held=False)
    )
    return freed.rowcount


async def dismiss(tx: AsyncConnection, key: Key) -> int | None:
    """Drop the reports that are held, and count anew; how many, None if no fuse has blown."""
    dismissed = await tx.execute(sa.delete(fuses).where(*_is(key), fuses.c.confirm_time.is_(None)))
    if dismissed.rowcount == 0:
        return None
    dropped = await tx.execute(
        sa.delete(address_reports).where(*_reports(key), address_reports.c.held)
    )
    return dropped.rowcount


async def forget_confirmed(tx: AsyncConnection, age: timedelta) -> None:
    """After a while a confirmed fuse may blow again."""
    await tx.execute(sa.delete(fuses).where(fuses.c.confirm_time <= sa.func.now() - age))


async def count_held(tx: AsyncConnection, key: Key) -> int:
    found = await tx.execute(
        sa.select(sa.func.count())
        .select_from(address_reports)
        .where(*_reports(key), address_reports.c.held)
    )
    return int(found.scalar_one())


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        fuses.c.app_id == key.app_id,
        fuses.c.platform == key.platform,
        fuses.c.gate == key.gate,
    )


def _reports(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        address_reports.c.app_id == key.app_id,
        address_reports.c.platform == key.platform,
        address_reports.c.gate == key.gate,
    )


def _from_row(row: sa.Row[*tuple[Any, ...]]) -> BlownFuse:
    key = Key(row.app_id, Platform(row.platform), row.gate)
    return BlownFuse(key, row.share, row.blow_time, row.confirm_time)
