"""Devices looked up by their ids, many in one statement: the busiest read of the room."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.faults import Fault
from services.kit.prepared import Prepared
from services.registry.domain.device import Device
from services.registry.domain.faults import ApplicationNotFound, DeviceNotFound
from services.registry.store.applications import IS_ALIVE
from services.registry.store.devices import COLUMNS
from services.registry.store.rows import Bare
from services.registry.store.tables import PLATFORM_NUMBERS, STATE_NUMBERS, applications, devices

PLATFORMS = {number: platform for platform, number in PLATFORM_NUMBERS.items()}
STATES = {number: state for state, number in STATE_NUMBERS.items()}


async def find_all(tx: AsyncConnection, asked: Sequence[tuple[UUID, str]]) -> list[Device | Fault]:
    """The device of each (app_id, device_id), whatever its state, in the order of the questions.

    ApplicationNotFound or DeviceNotFound stands where there is none.
    """
    app_ids, device_ids = [app_id for app_id, _ in asked], [device_id for _, device_id in asked]
    found = await FIND.fetch(tx, app_ids=app_ids, device_ids=device_ids)
    known = {(row["asked_app_id"].int, row["asked_device_id"]): row for row in found}
    return [_read(app_id, device_id, known) for app_id, device_id in asked]


def _read(
    app_id: UUID, device_id: str, known: dict[tuple[int, str], asyncpg.Record]
) -> Device | Fault:
    row = known.get((app_id.int, device_id))
    if row is None:
        return ApplicationNotFound(app_id)
    if row["uid"] is None:
        return DeviceNotFound(device_id)
    return Device(
        uid=row["uid"],
        device_id=device_id,
        platform=PLATFORMS[row["platform"]],
        address=row["address"],
        user_id=row["user_id"],
        variables=msgspec.json.decode(row["variables"], type=dict[str, str]),
        user_agent=row["user_agent"],
        state=STATES[row["state"]],
        address_time=row["address_time"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )


def _make_find() -> sa.Select[Any]:
    """One index lookup for each question, which the limit makes plain to the planner."""
    uuids, texts = Bare("uuid[]"), Bare("text[]")
    asked = (
        sa.func.unnest(
            sa.cast(sa.bindparam("app_ids", type_=uuids), uuids),
            sa.cast(sa.bindparam("device_ids", type_=texts), texts),
        )
        .table_valued(sa.column("app_id", sa.Uuid), sa.column("device_id", sa.Text))
        .render_derived(name="asked")
    )
    device = (
        sa.select(*(sa.cast(c, sa.Text) if c.name == "variables" else c for c in COLUMNS))
        .where(devices.c.app_id == asked.c.app_id, devices.c.device_id == asked.c.device_id)
        .limit(1)
        .lateral("device")
    )
    return (
        sa.select(
            asked.c.app_id.label("asked_app_id"), asked.c.device_id.label("asked_device_id"), device
        )
        .select_from(
            asked.join(applications, applications.c.app_id == asked.c.app_id).outerjoin(
                device, sa.true()
            )
        )
        .where(IS_ALIVE)
    )


FIND = Prepared(_make_find())
