"""What happens to devices of watched applications, for whoever watches; a feed like `changes`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.change import DeviceEvent, DeviceEventKind, Position
from services.registry.store.tables import (
    DEVICE_EVENT_NUMBERS,
    TIME,
    Xid8,
    applications,
    device_events,
)

# How long a reader may be away.
KEEP = timedelta(days=3)
TRANSACTION = sa.cast(sa.cast(device_events.c.position, sa.Text), sa.BigInteger).label(
    "transaction"
)
TOLD = ("app_id", "kind", "uid", "device_id", "user_id", "platform", "address", "create_time")


def tell(kind: DeviceEventKind, concerned: sa.CTE, now: datetime) -> sa.Insert:
    """Write down what happens to the devices in `concerned`, if their applications are watched."""
    about = concerned.c
    return sa.insert(device_events).from_select(
        TOLD,
        sa.select(
            about.app_id,
            sa.literal(kind, device_events.c.kind.type),
            about.uid,
            about.device_id,
            about.user_id,
            about.platform,
            about.address,
            sa.literal(now, TIME),
        ).join_from(
            concerned,
            applications,
            sa.and_(
                applications.c.app_id == about.app_id,
                applications.c.watch_end_time > sa.literal(now, TIME),
            ),
        ),
    )


def tell_registered(written: sa.CTE, held: sa.CTE, now: sa.ColumnElement[datetime]) -> sa.Insert:
    """Write down registrations in those `held` applications that are watched.

    Of a new device, or of a known one that came again.
    """
    about, numbers = written.c, DEVICE_EVENT_NUMBERS
    kind = sa.case(
        (about.create_time == now, sa.literal_column(str(numbers[DeviceEventKind.REGISTERED]))),
        else_=sa.literal_column(str(numbers[DeviceEventKind.UPDATED])),
    )
    is_watched = sa.and_(held.c.app_id == about.app_id, held.c.watch_end_time > now)
    return sa.insert(device_events).from_select(
        TOLD,
        sa.select(
            about.app_id,
            kind,
            about.uid,
            about.device_id,
            about.user_id,
            about.platform,
            about.address,
            now,
        ).join_from(written, held, is_watched),
    )


async def watch(tx: AsyncConnection, app_ids: Sequence[UUID], end_time: datetime) -> None:
    """Tell of the devices of these applications until then."""
    await tx.execute(
        sa.update(applications)
        .where(applications.c.app_id == sa.any_(sa.cast(app_ids, sa.ARRAY(sa.Uuid))))
        .values(watch_end_time=end_time)
    )


async def read_after(tx: AsyncConnection, position: Position, limit: int) -> list[DeviceEvent]:
    """Events after a position, oldest first, short of any transaction that is still open."""
    after = sa.tuple_(
        sa.cast(sa.cast(str(position.transaction), sa.Text), Xid8),
        sa.cast(position.number, sa.BigInteger),
    )
    oldest_open = sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot(), type_=Xid8)
    query = (
        sa.select(TRANSACTION, device_events.c.id, *(device_events.c[name] for name in TOLD))
        .where(
            sa.tuple_(device_events.c.position, device_events.c.id) > after,
            device_events.c.position < oldest_open,
        )
        .order_by(device_events.c.position, device_events.c.id)
        .limit(limit)
    )
    return [
        DeviceEvent(
            Position(row.transaction, row.id),
            row.app_id,
            row.kind,
            row.uid,
            row.device_id,
            row.user_id,
            row.platform,
            row.address,
            row.create_time,
        )
        for row in await tx.execute(query)
    ]


async def remove(tx: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove events that every reader has had its time to read; return how many."""
    oldest = (
        sa.select(device_events.c.position, device_events.c.id, device_events.c.create_time)
        .order_by(device_events.c.position, device_events.c.id)
        .limit(limit)
        .cte("oldest")
    )
    statement = sa.delete(device_events).where(
        device_events.c.position == oldest.c.position,
        device_events.c.id == oldest.c.id,
        oldest.c.create_time < before,
    )
    return (await tx.execute(statement)).rowcount
