"""Devices as they stand in the book, one by one and by the page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.faults import FieldInvalid
from services.kit.paging import Window
from services.registry.domain.change import ChangeKind, DeviceEventKind
from services.registry.domain.device import (
    Device,
    DeviceQuery,
    DeviceUpdate,
    State,
    digest_address,
)
from services.registry.domain.faults import ApplicationNotFound, DeviceNotFound
from services.registry.store import device_events
from services.registry.store.applications import IS_ALIVE
from services.registry.store.rows import rows
from services.registry.store.tables import (
    IS_ACTIVE,
    IS_NOT_DEAD,
    PLATFORM,
    TIME,
    applications,
    changes,
    devices,
    tombstones,
)

COLUMNS = (
    devices.c.uid,
    devices.c.device_id,
    devices.c.platform,
    devices.c.address,
    devices.c.user_id,
    devices.c.variables,
    devices.c.user_agent,
    devices.c.state,
    devices.c.address_time,
    devices.c.create_time,
    devices.c.update_time,
)


async def find(tx: AsyncConnection, app_id: UUID, device_id: str) -> Device:
    """Read one device, whatever its state.

    Raises:
        ApplicationNotFound: if there is no such application.
        DeviceNotFound: if it has no such device.
    """
    is_it = sa.and_(devices.c.app_id == applications.c.app_id, devices.c.device_id == device_id)
    query = (
        sa.select(*COLUMNS)
        .outerjoin_from(applications, devices, is_it)
        .where(applications.c.app_id == app_id, IS_ALIVE)
    )
    row = (await tx.execute(query)).first()
    if row is None:
        raise ApplicationNotFound(app_id)
    if row.uid is None:
        raise DeviceNotFound(device_id)
    return Device(*row)


async def update(tx: AsyncConnection, changed: DeviceUpdate, now: datetime) -> Device:
    """Change what is named of an ACTIVE device; a new address is vouched for by it.

    Raises:
        ApplicationNotFound: if there is no such application.
        DeviceNotFound: if it has no such device, or one that is not ACTIVE.
        FieldInvalid: if the platform is another than that on record.
    """
    device = await find(tx, changed.app_id, changed.device_id)
    if device.state is not State.ACTIVE:
        raise DeviceNotFound(changed.device_id)
    if changed.platform not in {None, device.platform}:
        raise FieldInvalid("device.platform", "is immutable, and another one is on record")
    # By uid: should the device have become another one meanwhile, that one stays as it is.
    statement = (
        sa.update(devices)
        .where(devices.c.app_id == changed.app_id, devices.c.uid == device.uid, IS_ACTIVE)
        .values(_changed_values(changed, now))
        .returning(devices.c.app_id, *COLUMNS)
        .cte("changed")
    )
    told = device_events.tell(DeviceEventKind.UPDATED, statement, now).cte("told")
    answer = sa.select(*(statement.c[column.name] for column in COLUMNS)).add_cte(told)
    row = (await tx.execute(answer)).first()
    if row is None:
        raise DeviceNotFound(changed.device_id)
    return Device(*row)


def _changed_values(changed: DeviceUpdate, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"update_time": now}
    if changed.address is not None:
        values["address"] = changed.address
        values["address_digest"] = digest_address(changed.address)
        values["address_time"] = now
        values["newer_twin_uid"] = None
        is_same = devices.c.address == changed.address
        values["environment"] = sa.case((is_same, devices.c.environment), else_=None)
    if changed.user_id is not None:
        values["user_id"] = changed.user_id or None
    if changed.variables is not None:
        values["variables"] = dict(changed.variables)
    return values


async def delete(tx: AsyncConnection, app_id: UUID, device_id: str, now: datetime) -> int:
    """End a device, whatever its state, and return its uid.

    Raises:
        ApplicationNotFound: if there is no such application.
        DeviceNotFound: if it has no such device.
    """
    ended = await end(tx, [(app_id, device_id)], now)
    if not ended:
        await find(tx, app_id, device_id)
        raise DeviceNotFound(device_id)
    return ended[0]


async def end(tx: AsyncConnection, keys: Sequence[tuple[UUID, str]], now: datetime) -> list[int]:
    """End the devices behind these (app_id, device_id) that exist; return their uids.

    Each leaves a tombstone and a change for the other rooms.
    """
    gone = _delete(keys)
    noted = device_events.tell(DeviceEventKind.UNREGISTERED, gone, now).cte("noted")
    kept = (gone.c.app_id, gone.c.uid, gone.c.device_id, gone.c.platform)
    buried = (
        sa.insert(tombstones)
        .from_select(
            ["app_id", "uid", "device_id", "platform", "delete_time"],
            sa.select(*kept, sa.literal(now, TIME)),
        )
        .cte("buried")
    )
    kind = sa.literal(ChangeKind.DEVICE_DELETED, changes.c.kind.type)
    told = (
        sa.insert(changes)
        .from_select(
            ["app_id", "kind", "uid", "create_time"],
            sa.select(gone.c.app_id, kind, gone.c.uid, sa.literal(now, TIME)),
        )
        .add_cte(buried, noted)
        .returning(changes.c.uid)
    )
    return [uid for uid in (await tx.scalars(told)).all() if uid is not None]


def _delete(keys: Sequence[tuple[UUID, str]]) -> sa.CTE:
    key = rows(
        "key", app_id=(sa.Uuid, [k[0] for k in keys]), device_id=(sa.Text, [k[1] for k in keys])
    )
    return (
        sa.delete(devices)
        .where(devices.c.app_id == key.c.app_id, devices.c.device_id == key.c.device_id)
        .returning(
            devices.c.app_id,
            devices.c.uid,
            devices.c.device_id,
            devices.c.platform,
            devices.c.user_id,
            devices.c.address,
        )
        .cte("gone")
    )


async def behind(tx: AsyncConnection, app_id: UUID, uids: Sequence[int]) -> list[Device]:
    """The devices of these uids that are not DEAD, the lowest first."""
    wanted = devices.c.uid == sa.any_(sa.cast(uids, sa.ARRAY(sa.BigInteger)))
    found = sa.select(*COLUMNS).where(devices.c.app_id == app_id, wanted, IS_NOT_DEAD)
    return [Device(*row) for row in await tx.execute(found.order_by(devices.c.uid))]


async def page(tx: AsyncConnection, query: DeviceQuery, window: Window[tuple[int]]) -> list[Device]:
    """Devices that are not DEAD, by uid in the window's direction, up to its limit.

    The caller has seen to it that the application exists.
    """
    listed = _listed(query, window, window.skip + window.limit)
    found = await tx.execute(listed.offset(window.skip).limit(window.limit))
    return [Device(*row) for row in found]


def _listed(query: DeviceQuery, window: Window[tuple[int]], limit: int) -> sa.Select[Any]:
    """At most `limit` of what the query means beyond the window's position.

    With platforms it reads as many of each by their index and merges: one platform may be rare in
    a large application, and the primary key would be searched to its end for it.
    """
    here = [devices.c.app_id == query.app_id, IS_NOT_DEAD]
    if window.position is not None:
        (uid,) = window.position
        here.append(devices.c.uid < uid if window.backward else devices.c.uid > uid)
    if query.user_id is not None:
        here.append(devices.c.user_id == query.user_id)
        if query.platforms:
            here.append(devices.c.platform.in_(query.platforms))

    def ordered(uid: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return uid.desc() if window.backward else uid.asc()

    found = sa.select(*COLUMNS).order_by(ordered(devices.c.uid)).limit(limit)
    if query.user_id is not None or not query.platforms:
        return found.where(*here)
    wanted = rows("wanted", platform=(PLATFORM, list(query.platforms)))
    each = found.where(*here, devices.c.platform == wanted.c.platform).lateral("each")
    return (
        sa.select(*each.c)
        .select_from(wanted.join(each, sa.true()))
        .order_by(ordered(each.c.uid))
        .limit(limit)
    )
