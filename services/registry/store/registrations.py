"""Writes registrations into the book, many in one statement: the busiest write of the room."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.prepared import Prepared
from services.registry.domain.device import Device, Key, Registration, State
from services.registry.store import applications as owners
from services.registry.store import device_events
from services.registry.store import devices as book
from services.registry.store.rows import Bare, number_owners, owner_array
from services.registry.store.tables import (
    PLATFORM_NUMBERS,
    STATE_NUMBERS,
    TIME,
    applications,
    devices,
)

NO_VARIABLES = "{}"
ACTIVE: sa.ColumnClause[Any] = sa.literal_column(str(STATE_NUMBERS[State.ACTIVE]))

# The applications of a batch, which its other values name by number.
OWNERS = owner_array("owners")

# What a registration brings, in the order of the statement's arrays.
BROUGHT = {
    "owner": Bare("smallint"),
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
    """Register devices in one statement, which needs no transaction; no key may stand here twice.

    Who stands there already keeps its uid and comes back to ACTIVE. Left out are those of another
    platform than on record, which `move`, and those of applications that do not exist. Give them
    in the order of their keys: all batches then lock in one order.
    """
    owners, numbers = number_owners(r.app_id for r in registrations)
    arrays = _arrays(registrations, numbers)
    answer = await UPSERT.fetch(tx, now=now, owners=owners, **arrays)
    kept = {(row[0], row[1]): row for row in answer}
    return {
        r.key: _read(r, row, now)
        for r, number in zip(registrations, arrays["owner"], strict=True)
        if (row := kept.get((number, r.device_id))) is not None
    }


async def move(
    tx: AsyncConnection, registrations: Sequence[Registration], now: datetime
) -> dict[Key, Device]:
    """Register what `write` left out, in a transaction: ends the old devices and issues new uids.

    Left out are only those of applications that do not exist.
    """
    held = await owners.hold(tx, list({r.app_id for r in registrations}))
    wanted = [r for r in registrations if r.app_id in held]
    written = await write(tx, wanted, now)
    moved = [r for r in wanted if r.key not in written]
    if moved:
        # The upsert has locked what it would not rewrite: between these two nobody can come.
        await book.end(tx, [(r.app_id, r.device_id) for r in moved], now)
        written |= await write(tx, moved, now)
    return written


def _read(registration: Registration, row: asyncpg.Record, now: datetime) -> Device:
    _, _, uid, create_time, variables, user_agent = row
    return Device(
        uid=uid,
        device_id=registration.device_id,
        platform=registration.platform,
        address=registration.address,
        user_id=registration.user_id,
        variables=msgspec.json.decode(variables, type=dict[str, str]) if variables else {},
        user_agent=user_agent or "",
        state=State.ACTIVE,
        address_time=now,
        create_time=create_time or now,
        update_time=now,
    )


def _arrays(
    registrations: Sequence[Registration], numbers: Mapping[int, int]
) -> dict[str, list[Any]]:
    return {
        "owner": [numbers[r.app_id.int] for r in registrations],
        "device_id": [r.device_id for r in registrations],
        "platform": [PLATFORM_NUMBERS[r.platform] for r in registrations],
        "address": [r.address for r in registrations],
        "address_digest": [r.address_digest for r in registrations],
        "user_id": [r.user_id for r in registrations],
        "variables": _unless_empty([_write_variables(r.variables) for r in registrations]),
        "user_agent": _unless_empty([r.user_agent for r in registrations]),
    }


def _unless_empty(texts: list[str]) -> list[str]:
    """Nothing at all for what nobody brings: the statement fills it up."""
    return texts if any(texts) else []


def _write_variables(variables: Mapping[str, str]) -> str:
    return msgspec.json.encode(variables).decode() if variables else ""


def _hold() -> sa.CTE:
    """The applications that exist, kept from deletion until the statement is committed."""
    return (
        sa.select(applications.c.app_id, applications.c.watch_end_time)
        .where(applications.c.app_id == sa.any_(OWNERS), owners.IS_ALIVE)
        .order_by(applications.c.app_id)
        .with_for_update(read=True, key_share=True)
        .cte("held")
    )


def _brought() -> sa.TableValuedAlias:
    arrays = [
        sa.cast(sa.bindparam(name, type_=Bare(f"{kind.name}[]")), Bare(f"{kind.name}[]"))
        for name, kind in BROUGHT.items()
    ]
    typed: list[sa.ColumnClause[Any]] = [sa.column(name, kind) for name, kind in BROUGHT.items()]
    return sa.func.unnest(*arrays).table_valued(*typed).render_derived(name="brought")


def _new_row(now: sa.ColumnElement[datetime]) -> dict[str, sa.ColumnElement[Any]]:
    """What a device begins with, by column."""
    brought = _brought().c
    variables = sa.func.coalesce(sa.func.nullif(brought.variables, ""), NO_VARIABLES)
    return {
        "app_id": OWNERS[brought.owner],
        "device_id": brought.device_id,
        "platform": brought.platform,
        "address": brought.address,
        "address_digest": brought.address_digest,
        "user_id": brought.user_id,
        "variables": sa.cast(variables, JSONB),
        "user_agent": sa.func.coalesce(brought.user_agent, ""),
        "state": ACTIVE,
        "address_time": now,
        "create_time": now,
        "update_time": now,
    }


def _changed(statement: Insert) -> dict[str, object]:
    """What becomes of a device that registers again, by column."""
    new, old = statement.excluded, devices.c
    replaced = ("address", "address_digest", "user_id", "state", "address_time", "update_time")
    nothing = sa.cast(sa.literal_column(f"'{NO_VARIABLES}'"), JSONB)
    kept_if_empty: dict[str, object] = {
        "variables": sa.case((new.variables == nothing, old.variables), else_=new.variables),
        "user_agent": sa.case((new.user_agent == "", old.user_agent), else_=new.user_agent),
    }
    # Where an address is at home is true of that address alone.
    is_same = old.address_digest == new.address_digest
    forgotten: dict[str, object] = {
        "environment": sa.case((is_same, old.environment), else_=None),
        "newer_twin_uid": None,
    }
    return {**{name: new[name] for name in replaced}, **kept_if_empty, **forgotten}


def _upsert(held: sa.CTE, now: sa.ColumnElement[datetime]) -> sa.CTE:
    row, old = _new_row(now), devices.c
    # An array instead of a join, so that the rows keep their order.
    is_held = row["app_id"] == sa.any_(sa.func.array(sa.select(held.c.app_id).scalar_subquery()))
    statement = insert(devices).from_select(list(row), sa.select(*row.values()).where(is_held))
    return (
        statement.on_conflict_do_update(
            index_elements=["app_id", "device_id"],
            set_=_changed(statement),
            where=old.platform == statement.excluded.platform,
        )
        .returning(
            old.app_id,
            old.uid,
            old.device_id,
            old.user_id,
            old.platform,
            old.address,
            old.variables,
            old.user_agent,
            old.create_time,
        )
        .cte("written")
    )


def _make_upsert() -> sa.Select[Any]:
    now = sa.bindparam("now", type_=TIME)
    held = _hold()
    written = _upsert(held, now)
    told = device_events.tell_registered(written, held, now).cte("told")
    return sa.select(
        sa.func.array_position(OWNERS, written.c.app_id),
        written.c.device_id,
        written.c.uid,
        # Null is what nearly all of them are: less to send, and to read.
        sa.func.nullif(written.c.create_time, now),
        sa.func.nullif(sa.cast(written.c.variables, sa.Text), NO_VARIABLES),
        sa.func.nullif(written.c.user_agent, ""),
    ).add_cte(told)


UPSERT = Prepared(_make_upsert())
