"""Subscriptions of devices to tags: made and ended."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from services.targeting.domain.events import EventKind
from services.targeting.domain.subscriptions import Device
from services.targeting.store import events
from services.targeting.store.arrays import as_rows, guids, numbers
from services.targeting.store.tables import PLATFORM_NUMBERS, subscriptions

CHANGED = (subscriptions.c.app_id, subscriptions.c.uid, subscriptions.c.tag_id)


async def add(
    tx: AsyncConnection, app_id: UUID, device: Device, tag_ids: Sequence[int], now: datetime
) -> set[int]:
    """Subscribe a device; return the tags that are new to it."""
    # In the order of the tags: two that subscribe the same device must not wait for each other.
    tag = as_rows("tag", tag_id=numbers(sorted(tag_ids)))
    number = PLATFORM_NUMBERS[device.platform]
    new = (
        postgresql.insert(subscriptions)
        .from_select(
            ["app_id", "tag_id", "platform", "uid", "create_time"],
            sa.select(
                sa.cast(app_id, sa.Uuid),
                tag.c.tag_id,
                sa.cast(number, sa.SmallInteger),
                sa.cast(device.uid, sa.BigInteger),
                sa.cast(now, sa.DateTime(timezone=True)),
            ),
        )
        .on_conflict_do_nothing()
        .returning(*CHANGED)
        .cte("new")
    )
    told = events.tell(EventKind.SUBSCRIBED, new, now)
    return set((await tx.execute(sa.select(new.c.tag_id).add_cte(told))).scalars())


async def remove(
    tx: AsyncConnection, app_id: UUID, device: Device, tag_ids: Sequence[int], now: datetime
) -> set[int]:
    """End subscriptions of a device; return the tags it had."""
    gone = (
        sa.delete(subscriptions)
        .where(
            subscriptions.c.app_id == app_id,
            subscriptions.c.uid == device.uid,
            subscriptions.c.tag_id == sa.any_(numbers(tag_ids)),
        )
        .returning(*CHANGED)
        .cte("gone")
    )
    told = events.tell(EventKind.UNSUBSCRIBED, gone, now)
    return set((await tx.execute(sa.select(gone.c.tag_id).add_cte(told))).scalars())


async def end_devices(tx: AsyncConnection, ended: Sequence[tuple[UUID, int]]) -> int:
    """End all subscriptions of these devices (application, uid); return how many.

    This is told by the end of the device, and not once more for each.
    """
    device = as_rows(
        "device",
        app_id=guids(app_id for app_id, _ in ended),
        uid=numbers([uid for _, uid in ended]),
    )
    statement = sa.delete(subscriptions).where(
        subscriptions.c.app_id == device.c.app_id, subscriptions.c.uid == device.c.uid
    )
    return (await tx.execute(statement)).rowcount
