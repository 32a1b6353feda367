"""Writes registrations into the book, many in one statement: the busiest write of the room."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.prepared import Prepared
from services.registry.domain.device import Device, Key, Registration, State, digest_address
from services.registry.store import devices as book
from services.registry.store.rows import Bare
from services.registry.store.tables import PLATFORM_NUMBERS, STATE_NUMBERS, TIME, devices

NO_VARIABLES = "{}"
ACTIVE: sa.ColumnClause[Any] = sa.literal_column(str(STATE_NUMBERS[State.ACTIVE]))


# What a registration brings, in the order of the statement's arrays.
BROUGHT = {
    "app_id": Bare("uuid"),
    "device_id": Bare("text"),
    "platform": Bare("smallint"),
    "address": Bare("text"),
    "address_digest": Bare("bytea"),
    "user_id": Bare("text"),
    "variables": Bare("text"),
    "user_agent": Bare("text"),
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
        await book.end(tx, [(r.app_id, r.device_id) for r in moved], now)
        written |= await _upsert(tx, moved, now)
    return written


async def _upsert(
    tx: AsyncConnection, registrations: Sequence[Registration], now: datetime
) -> dict[Key, Device]:
    answer = await UPSERT.fetch(tx, now=now, **_arrays(registrations))
    kept = {(row["app_id"].int, row["device_id"]): row for row in answer}
    return {
        key: Device(
            uid=row["uid"],
            device_id=r.device_id,
            platform=r.platform,
            address=r.address,
            user_id=r.user_id,
            variables=_read_variables(row["variables"]),
            user_agent=row["user_agent"],
            state=State.ACTIVE,
            address_time=now,
            create_time=row["create_time"],
            update_time=now,
        )
        for r in registrations
        if (row := kept.get(key := r.key)) is not None
    }


def _arrays(registrations: Sequence[Registration]) -> dict[str, list[Any]]:
    return {
        "app_id": [r.app_id for r in registrations],
        "device_id": [r.device_id for r in registrations],
        "platform": [PLATFORM_NUMBERS[r.platform] for r in registrations],
        "address": [r.address for r in registrations],
        "address_digest": [digest_address(r.address) for r in registrations],
        "user_id": [r.user_id for r in registrations],
        "variables": [_write_variables(r.variables) for r in registrations],
        "user_agent": [r.user_agent for r in registrations],
    }


def _write_variables(variables: Mapping[str, str]) -> str:
    return msgspec.json.encode(variables).decode() if variables else NO_VARIABLES


def _read_variables(text: str) -> dict[str, str]:
    return {} if text == NO_VARIABLES else msgspec.json.decode(text, type=dict[str, str])


def _brought() -> sa.TableValuedAlias:
    arrays = [
        sa.cast(sa.bindparam(name, type_=Bare(f"{kind.name}[]")), Bare(f"{kind.name}[]"))
        for name, kind in BROUGHT.items()
    ]
    typed: list[sa.ColumnClause[Any]] = [sa.column(name, kind) for name, kind in BROUGHT.items()]
    return sa.func.unnest(*arrays).table_valued(*typed).render_derived(name="brought")


def _make_upsert() -> Any:  # noqa: ANN401  its type says nothing
    brought = _brought().c
    now = sa.bindparam("now", type_=TIME)
    as_written = [sa.cast(c, JSONB) if c.name == "variables" else c for c in brought]
    statement = insert(devices).from_select(
        [*BROUGHT, "state", "address_time", "create_time", "update_time"],
        sa.select(*as_written, ACTIVE, now, now, now),
    )
    new, old = statement.excluded, devices.c
    replaced = ("address", "address_digest", "user_id", "state", "address_time", "update_time")
    nothing = sa.cast(sa.text("'{}'"), JSONB)
    kept_if_empty = {
        "variables": sa.case((new.variables == nothing, old.variables), else_=new.variables),
        "user_agent": sa.case((new.user_agent == "", old.user_agent), else_=new.user_agent),
    }
    # Where an address is at home is true of that address alone.
    is_same = old.address_digest == new.address_digest
    forgotten = {
        "environment": sa.case((is_same, old.environment), else_=None),
        "newer_twin_uid": None,
    }
    return statement.on_conflict_do_update(
        index_elements=["app_id", "device_id"],
        set_={name: new[name] for name in replaced} | kept_if_empty | forgotten,
        where=old.platform == new.platform,
    ).returning(
        old.app_id,
        old.device_id,
        old.uid,
        sa.cast(old.variables, sa.Text).label("variables"),
        old.user_agent,
        old.create_time,
    )


UPSERT = Prepared(_make_upsert())
