"""Open circuits: what every sender knows of the gates that nobody passes now."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.circuits import Cause, Circuit, Key, Opening
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.parcels import ParcelState
from services.dispatch.store.tables import circuits, parcels

MAX_READ = 5000
PROBES_AT_ONCE = 10
KEY = (circuits.c.app_id, circuits.c.platform, circuits.c.gate)
# Written out, not bound: a plan made for any state could not use the partial indexes.
IS_READY = parcels.c.state == sa.literal_column(str(int(ParcelState.READY)))
IS_PARKED = parcels.c.state == sa.literal_column(str(int(ParcelState.PARKED)))


async def read_all(tx: AsyncConnection) -> list[Circuit]:
    """All that are open, of whatever application: few, on a good day none."""
    found = await tx.execute(sa.select(circuits).limit(MAX_READ))
    return [_from_row(row) for row in found]


async def read_of(tx: AsyncConnection, app_id: UUID) -> list[Circuit]:
    found = await tx.execute(
        sa.select(circuits)
        .where(circuits.c.app_id == app_id)
        .order_by(circuits.c.platform, circuits.c.gate)
    )
    return [_from_row(row) for row in found]


async def open_(
    tx: AsyncConnection, key: Key, opening: Opening, version: int, wait: timedelta
) -> bool:
    """Open a circuit, or leave it open longer; whether it was closed before."""
    values = {
        "cause": opening.cause,
        "reason": opening.reason,
        "version": version,
        "probe_time": sa.func.now() + wait,
        "closing": False,
    }
    insert = pg.insert(circuits).values(**key._asdict(), failures=1, **values)
    opened = insert.on_conflict_do_update(
        index_elements=["app_id", "platform", "gate"],
        set_={**values, "failures": circuits.c.failures + 1},
    ).returning(circuits.c.failures)
    failures: int = (await tx.execute(opened)).scalar_one()
    return failures == 1


async def probe_soon(tx: AsyncConnection, key: Key, version: int | None = None) -> None:
    """Let a circuit be probed at once; with a version, because the credential has that one now."""
    values: dict[str, Any] = {"probe_time": sa.func.now()}
    if version is not None:
        values["version"] = version
    await tx.execute(sa.update(circuits).where(*_is(key)).values(values))


async def begin_closing(tx: AsyncConnection, key: Key) -> bool:
    """Let requests through again; what is parked is made ready bit by bit."""
    closed = await tx.execute(
        sa.update(circuits).where(*_is(key), ~circuits.c.closing).values(closing=True)
    )
    return closed.rowcount == 1


async def unpark(tx: AsyncConnection, key: Key, limit: int) -> int:
    """Make parcels of a closing circuit ready; it is gone when none is left.

    The circuit is locked first: whoever parks holds it too, so that nothing is parked behind it.
    """
    held = await tx.execute(
        sa.select(circuits.c.closing).where(*_is(key), circuits.c.closing).with_for_update()
    )
    if held.one_or_none() is None:
        return 0
    foremost = (
        sa.select(parcels.c.parcel_id)
        .where(*_waits_for(key), IS_PARKED)
        .order_by(parcels.c.place, parcels.c.parcel_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("foremost")
    )
    woken = await tx.execute(
        sa.update(parcels)
        .where(parcels.c.parcel_id == foremost.c.parcel_id)
        .values(state=ParcelState.READY)
    )
    if woken.rowcount < limit:
        await tx.execute(sa.delete(circuits).where(*_is(key)))
    return woken.rowcount


async def claim_probes(tx: AsyncConnection, lease_time: timedelta) -> list[Key]:
    """The circuits that are due for a probe and have something to probe with: now ours to probe."""
    waits = sa.exists().where(*_is_of_circuit(), IS_PARKED)
    due = (
        sa.select(*KEY)
        .where(~circuits.c.closing, circuits.c.probe_time <= sa.func.now(), waits)
        .order_by(circuits.c.probe_time)
        .limit(PROBES_AT_ONCE)
        .with_for_update(of=circuits, skip_locked=True)
        .cte("due")
    )
    claimed = await tx.execute(
        sa.update(circuits)
        .where(
            circuits.c.app_id == due.c.app_id,
            circuits.c.platform == due.c.platform,
            circuits.c.gate == due.c.gate,
        )
        .values(probe_time=sa.func.now() + lease_time)
        .returning(*KEY)
    )
    return [_read_key(row) for row in claimed]


async def forget_idle(tx: AsyncConnection, age: timedelta) -> int:
    """Drop the circuits that were due so long ago and have nobody waiting behind them; how many.

    They are locked first: whoever parks holds one too, and is seen by the second statement.
    """
    due = await tx.execute(
        sa.select(*KEY)
        .where(~circuits.c.closing, circuits.c.probe_time <= sa.func.now() - age)
        .limit(PROBES_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    keys = [tuple(_read_key(row)) for row in due]
    if not keys:
        return 0
    waits = sa.exists().where(*_is_of_circuit(), IS_PARKED)
    dropped = await tx.execute(sa.delete(circuits).where(sa.tuple_(*KEY).in_(keys), ~waits))
    return dropped.rowcount


async def park_ready(tx: AsyncConnection, patience: timedelta, limit: int) -> int:
    """Take ready parcels of open circuits out of the lease index; how many.

    Those whose time is over stay: a sender is to say so.
    """
    # For each circuit by its index: whatever else is ready, nobody reads through it.
    each = (
        sa.select(parcels.c.parcel_id)
        .where(
            *_is_of_circuit(),
            IS_READY,
            parcels.c.first_time > sa.func.now() - patience,
        )
        .order_by(parcels.c.place, parcels.c.parcel_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .lateral("each")
    )
    ready = (
        sa.select(each.c.parcel_id)
        .select_from(circuits.join(each, sa.true()))
        .where(~circuits.c.closing)
        .limit(limit)
        .cte("ready")
    )
    parked = await tx.execute(
        sa.update(parcels)
        .where(parcels.c.parcel_id == ready.c.parcel_id)
        .values(state=ParcelState.PARKED, due_time=parcels.c.first_time + patience)
    )
    return parked.rowcount


async def hold_open(tx: AsyncConnection, keys: Collection[Key]) -> set[Key]:
    """Of these, the circuits that are open, and stay so until the transaction ends."""
    found = await tx.execute(
        sa.select(*KEY)
        .where(sa.tuple_(*KEY).in_(sorted(keys)), ~circuits.c.closing)
        .order_by(*KEY)
        .with_for_update(read=True)
    )
    return {_read_key(row) for row in found}


async def count_parked(tx: AsyncConnection, keys: Sequence[Key], most: int) -> dict[Key, int]:
    """How many parcels wait for each; counting stops at `most`."""
    counts = {}
    for key in keys:
        some = (
            sa.select(parcels.c.parcel_id).where(*_waits_for(key), IS_PARKED).limit(most).subquery()
        )
        total = await tx.execute(sa.select(sa.func.count()).select_from(some))
        counts[key] = int(total.scalar_one())
    return counts


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        circuits.c.app_id == key.app_id,
        circuits.c.platform == key.platform,
        circuits.c.gate == key.gate,
    )


def _waits_for(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        parcels.c.app_id == key.app_id,
        parcels.c.platform == key.platform,
        parcels.c.gate == key.gate,
    )


def _is_of_circuit() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        parcels.c.app_id == circuits.c.app_id,
        parcels.c.platform == circuits.c.platform,
        parcels.c.gate == circuits.c.gate,
    )


def _read_key(row: sa.Row[*tuple[Any, ...]]) -> Key:
    return Key(row.app_id, Platform(row.platform), row.gate)


def _from_row(row: sa.Row[*tuple[Any, ...]]) -> Circuit:
    open_time: datetime = row.open_time
    return Circuit(
        key=_read_key(row),
        cause=Cause(row.cause),
        reason=row.reason,
        version=row.version,
        failures=row.failures,
        open_time=open_time,
        probe_time=row.probe_time,
        is_closing=row.closing,
    )
