"""The queue: parcels leased by one sender at a time, put off, and deleted when done."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.circuits import Key
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.parcels import Lane, LaterParcel, Parcel, ParcelState, Slice
from services.dispatch.domain.segments import pack_uids, unpack_uids
from services.dispatch.store import shares, turns
from services.dispatch.store.tables import parcels
from services.kit.prepared import Prepared

SLEEPING = tuple(state for state in ParcelState if state is not ParcelState.READY)
RETURNED = (
    parcels.c.parcel_id,
    parcels.c.app_id,
    parcels.c.message_id,
    parcels.c.lane,
    parcels.c.place,
    parcels.c.turn,
    parcels.c.platform,
    parcels.c.gate,
    parcels.c.after_uid,
    parcels.c.through_uid,
    parcels.c.uids,
    parcels.c.attempt,
    parcels.c.first_time,
    parcels.c.epoch,
)


def _lease(lane: Lane) -> sa.Update:
    """The statement that leases parcels of a lane."""
    places = turns.foremost(lane, sa.bindparam("limit", type_=sa.Integer))
    taken, moved = places, None
    if lane is Lane.BULK:
        taken, moved = turns.exchange(places, turns.by_turns(places))
    stand = sa.select(shares.move_clock(lane, sa.func.max(places.c.place))).scalar_subquery()
    leased = (
        sa.update(parcels)
        .where(parcels.c.parcel_id == taken.c.parcel_id)
        .values(
            state=ParcelState.LEASED,
            epoch=parcels.c.epoch + 1,
            due_time=sa.func.now() + sa.bindparam("lease_time", type_=sa.Interval),
            place=taken.c.place,
        )
        .returning(*RETURNED, stand)
    )
    return leased if moved is None else leased.add_cte(moved)


LEASES = {lane: Prepared(_lease(lane)) for lane in Lane}


async def lease(tx: AsyncConnection, lane: Lane, limit: int, lease_time: timedelta) -> list[Parcel]:
    """Take the foremost ready parcels of a lane, until `lease_time` from now by this clock.

    By itself, or in a transaction that has begun.
    """
    found = await LEASES[lane].fetch(tx, limit=limit, lease_time=lease_time)
    return sorted((_from_row(row) for row in found), key=lambda parcel: parcel.place)


async def renew(
    tx: AsyncConnection, held: Sequence[Parcel], lease_time: timedelta
) -> set[tuple[int, int]]:
    """Extend leases; the keys of those that are still ours."""
    renewed = await tx.execute(
        sa.update(parcels)
        .where(*_held(held))
        .values(due_time=sa.func.now() + lease_time)
        .returning(parcels.c.parcel_id, parcels.c.epoch)
    )
    return {(row.parcel_id, row.epoch) for row in renewed}


async def lock_held(tx: AsyncConnection, held: Sequence[Parcel]) -> set[tuple[int, int]]:
    """The keys of those still ours, locked: what is written about them now is written in time."""
    locked = await tx.execute(
        sa.select(parcels.c.parcel_id, parcels.c.epoch)
        .where(*_held(held))
        .order_by(parcels.c.parcel_id)
        .with_for_update()
    )
    return {(row.parcel_id, row.epoch) for row in locked}


async def release(tx: AsyncConnection, held: Sequence[Parcel], wait: timedelta) -> None:
    """Give parcels back, to be taken after `wait`; what they have on record stays."""
    await tx.execute(
        sa.update(parcels)
        .where(*_held(held))
        .values(state=ParcelState.DELAYED, due_time=sa.func.now() + wait)
    )


async def park(tx: AsyncConnection, held: Sequence[Parcel], wait: timedelta) -> None:
    """Take parcels out of the lease index until their circuit closes, for `wait` at most.

    The transaction holds the circuit open.
    """
    await tx.execute(
        sa.update(parcels)
        .where(*_held(held))
        .values(state=ParcelState.PARKED, due_time=sa.func.now() + wait)
    )


async def pause(tx: AsyncConnection, held: Sequence[Parcel], wait: timedelta) -> None:
    """Take parcels out of the lease index until their messages are resumed, for `wait` at most.

    The transaction holds the messages paused.
    """
    await tx.execute(
        sa.update(parcels)
        .where(*_held(held))
        .values(state=ParcelState.PAUSED, due_time=sa.func.now() + wait)
    )


async def lease_parked(tx: AsyncConnection, key: Key, lease_time: timedelta) -> Parcel | None:
    """Take the foremost parked parcel of a gate, to probe its circuit with."""
    foremost = (
        sa.select(parcels.c.parcel_id)
        .where(
            parcels.c.app_id == key.app_id,
            parcels.c.platform == key.platform,
            parcels.c.gate == key.gate,
            parcels.c.state == ParcelState.PARKED,
        )
        .order_by(parcels.c.place, parcels.c.parcel_id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("foremost")
    )
    taken = await tx.execute(
        sa.update(parcels)
        .where(parcels.c.parcel_id == foremost.c.parcel_id)
        .values(
            state=ParcelState.LEASED,
            epoch=parcels.c.epoch + 1,
            due_time=sa.func.now() + lease_time,
        )
        .returning(*RETURNED)
    )
    row = taken.one_or_none()
    return _from_row(row) if row else None


async def put_off(tx: AsyncConnection, origin: Parcel, later: Sequence[LaterParcel]) -> None:
    """Write what remains of a parcel as parcels of their own, in its place of the order.

    For those that are parked the transaction holds their circuits open.
    """
    await tx.execute(
        sa.insert(parcels).values(
            due_time=sa.func.now()
            + sa.bindparam("wait_seconds", type_=sa.Float) * timedelta(seconds=1)
        ),
        [
            {
                "app_id": origin.app_id,
                "message_id": origin.message_id,
                "lane": origin.lane,
                "place": origin.place,
                "turn": origin.turn,
                "platform": each.slice.platform,
                "gate": each.gate,
                "after_uid": each.slice.after_uid,
                "through_uid": each.slice.through_uid,
                "uids": None if each.uids is None else pack_uids(each.uids),
                "attempt": each.attempt,
                "first_time": origin.first_time,
                "state": _state_of(each),
                "wait_seconds": each.wait_seconds,
            }
            for each in later
        ],
    )


def _state_of(later: LaterParcel) -> ParcelState:
    if later.is_parked:
        return ParcelState.PARKED
    return ParcelState.DELAYED if later.wait_seconds else ParcelState.READY


def _wake() -> sa.Update:
    due = (
        sa.select(parcels.c.parcel_id)
        .where(
            # Written out, not bound: a plan made for any states could not use the partial index.
            parcels.c.state.in_([sa.literal_column(str(int(state))) for state in SLEEPING]),
            parcels.c.due_time <= sa.func.now(),
        )
        .order_by(parcels.c.due_time)
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        sa.update(parcels)
        .where(parcels.c.parcel_id == due.c.parcel_id)
        .values(state=ParcelState.READY)
    )


# Asked four times a second by a planner that has nothing to do, and so built once.
WAKE = _wake()


async def wake(tx: AsyncConnection, limit: int) -> int:
    """Make ready what was put off until now, what its owner has lost, and what waits too long.

    Return how many there were.
    """
    woken = await tx.execute(WAKE, {"limit": limit})
    return woken.rowcount


def _held(held: Sequence[Parcel]) -> tuple[sa.ColumnElement[bool], ...]:
    """Exactly these leases: a parcel taken by another since has a higher epoch."""
    lease_ = (
        sa.func.unnest(
            sa.cast([parcel.parcel_id for parcel in held], sa.ARRAY(sa.BigInteger)),
            sa.cast([parcel.epoch for parcel in held], sa.ARRAY(sa.Integer)),
        )
        .table_valued("parcel_id", "epoch", name="lease")
        .render_derived()
    )
    return (
        sa.tuple_(parcels.c.parcel_id, parcels.c.epoch).in_(
            sa.select(lease_.c.parcel_id, lease_.c.epoch)
        ),
        parcels.c.state == ParcelState.LEASED,
    )


def _from_row(row: Sequence[Any]) -> Parcel:
    """A row of RETURNED; what comes after them is the statement's own."""
    (
        parcel_id,
        app_id,
        message_id,
        lane,
        place,
        turn,
        platform,
        gate,
        after_uid,
        through_uid,
        uids,
        attempt,
        first_time,
        epoch,
    ) = row[: len(RETURNED)]
    return Parcel(
        parcel_id=parcel_id,
        app_id=app_id,
        message_id=message_id,
        lane=Lane(lane),
        slice=Slice(Platform(platform), after_uid, through_uid),
        uids=None if uids is None else tuple(unpack_uids(uids)),
        attempt=attempt,
        place=place,
        first_time=first_time,
        epoch=epoch,
        turn=turn,
        gate=gate,
    )
