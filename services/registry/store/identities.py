"""Who devices are, or were, without their addresses."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.device import DeviceIdentity
from services.registry.store.applications import is_known
from services.registry.store.tables import devices, tombstones

MAX_OF_USER = 10_000

LIVING = (
    devices.c.uid,
    devices.c.device_id,
    devices.c.platform,
    devices.c.user_id,
    devices.c.state,
)
GONE = (tombstones.c.uid, tombstones.c.device_id, tombstones.c.platform)


async def by_uids(tx: AsyncConnection, app_id: UUID, uids: Sequence[int]) -> list[DeviceIdentity]:
    wanted = sa.any_(sa.cast(uids, sa.ARRAY(sa.BigInteger)))
    return await _read(
        tx,
        _living(app_id).where(devices.c.uid == wanted),
        _gone(app_id).where(tombstones.c.uid == wanted),
    )


async def by_device_ids(
    tx: AsyncConnection, app_id: UUID, device_ids: Sequence[str]
) -> list[DeviceIdentity]:
    """The devices of these ids, and every one that had such an id before."""
    wanted = sa.any_(sa.cast(device_ids, sa.ARRAY(sa.Text)))
    return await _read(
        tx,
        _living(app_id).where(devices.c.device_id == wanted),
        _gone(app_id).where(tombstones.c.device_id == wanted),
    )


async def by_user(tx: AsyncConnection, app_id: UUID, user_id: str) -> list[DeviceIdentity]:
    """The devices of a user; a tombstone does not know whose it was."""
    query = _living(app_id).where(devices.c.user_id == user_id)
    return await _read(tx, query.order_by(devices.c.uid).limit(MAX_OF_USER))


def _living(app_id: UUID) -> sa.Select[Any]:
    return sa.select(*LIVING).where(devices.c.app_id == app_id, is_known(app_id))


def _gone(app_id: UUID) -> sa.Select[Any]:
    return sa.select(*GONE).where(tombstones.c.app_id == app_id, is_known(app_id))


async def _read(
    tx: AsyncConnection, living: sa.Select[Any], gone: sa.Select[Any] | None = None
) -> list[DeviceIdentity]:
    found = {row.uid: DeviceIdentity(*row) for row in await tx.execute(living)}
    if gone is not None:
        # Read after the living: who is deleted between the two is found here, not nowhere.
        for uid, device_id, platform in await tx.execute(gone):
            found[uid] = DeviceIdentity(uid, device_id, platform, user_id=None, state=None)
    return [found[uid] for uid in sorted(found)]
