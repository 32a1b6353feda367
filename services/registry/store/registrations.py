"""Writes registrations into the book, many in one statement: the busiest write of the room."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.device import Device, Registration, State, digest_address
from services.registry.store import devices as book
from services.registry.store.tables import PLATFORM, STATE, TIME, devices

Key = tuple[UUID, str]

# What a registration brings, in the order of the statement's arrays.
BROUGHT: dict[str, Any] = {
    "app_id": sa.Uuid(),
    "device_id": sa.Text(),
    "platform": PLATFORM,
    "address": sa.Text(),
    "address_digest": sa.LargeBinary(),
    "user_id": sa.Text(),
    "variables": JSONB(),
    "user_agent": sa.Text(),
}


async def write(
    tx: AsyncConnection, registrations: Sequence[Registration], now: datetime
) -> dict[Key, Device]:
    """Register devices whose applications the transaction holds; no key may stand here twice.

    The same platform keeps its uid and comes back to ACTIVE; another ends the old device and
    issues a new uid. Give them in the order of their keys: all batches then lock in one order.
    """
    written = await _upsert(tx, registrations, now)
    moved = [r for r in registrations if r.key not in written]
    if moved:
        # The upsert has locked what it would not rewrite: between these two nobody can come.
        await book.end(tx, [r.key for r in moved], now)
        written |= await _upsert(tx, moved, now)
    return written


async def _upsert(
    tx: AsyncConnection, registrations: Sequence[Registration], now: datetime
) -> dict[Key, Device]:
    answer = await tx.execute(UPSERT, {"now": now, **_arrays(registrations)})
    kept = {(row.app_id, row.device_id): row for row in answer}
    return {
        r.key: Device(
            uid=row.uid,
            device_id=r.device_id,
            platform=r.platform,
            address=r.address,
            user_id=r.user_id,
            variables=row.variables,
            user_agent=row.user_agent,
            state=State.ACTIVE,
            address_time=now,
            create_time=row.create_time,
            update_time=now,
        )
        for r in registrations
        if (row := kept.get(r.key)) is not None
    }


def _arrays(registrations: Sequence[Registration]) -> dict[str, list[Any]]:
    return {
        "app_id": [r.app_id for r in registrations],
        "device_id": [r.device_id for r in registrations],
        "platform": [r.platform for r in registrations],
        "address": [r.address for r in registrations],
        "address_digest": [digest_address(r.address) for r in registrations],
        "user_id": [r.user_id for r in registrations],
        "variables": [dict(r.variables) for r in registrations],
        "user_agent": [r.user_agent for r in registrations],
    }


def _make_upsert() -> Any:  # noqa: ANN401  its type says nothing
    arrays = [
        sa.cast(sa.bindparam(name, type_=sa.ARRAY(kind)), sa.ARRAY(kind))
        for name, kind in BROUGHT.items()
    ]
    typed: list[sa.ColumnClause[Any]] = [sa.column(name, kind) for name, kind in BROUGHT.items()]
    brought = sa.func.unnest(*arrays).table_valued(*typed, name="brought").render_derived()
    now = sa.bindparam("now", type_=TIME)
    statement = insert(devices).from_select(
        [*BROUGHT, "state", "address_time", "create_time", "update_time"],
        sa.select(*brought.c, sa.literal(State.ACTIVE, STATE), now, now, now),
    )
    new, old = statement.excluded, devices.c
    nothing = sa.cast(sa.text("'{}'"), JSONB)
    return statement.on_conflict_do_update(
        index_elements=["app_id", "device_id"],
        set_={
            "address": new.address,
            "address_digest": new.address_digest,
            "user_id": new.user_id,
            "variables": sa.case((new.variables == nothing, old.variables), else_=new.variables),
            "user_agent": sa.case((new.user_agent == "", old.user_agent), else_=new.user_agent),
            "state": new.state,
            "address_time": new.address_time,
            "update_time": new.update_time,
        },
        where=old.platform == new.platform,
    ).returning(old.app_id, old.device_id, old.uid, old.variables, old.user_agent, old.create_time)


UPSERT = _make_upsert()
