"""Messages that are stopped under way: paused, resumed, cancelled.

Rows are locked in one order, the planner's: plans, then messages by their ids. Parcels are never
waited for, since a recorder holds some while it waits for a message: what somebody has in hands at
this moment he halts himself, as soon as he looks at the message.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Message, Status
from services.dispatch.domain.parcels import ParcelState
from services.dispatch.store import counts
from services.dispatch.store.messages import IS_NOT_CANCELLED, IS_PAUSED
from services.dispatch.store.tables import is_any, messages, parcels, plans

Key = tuple[UUID, str]

NOT_LEASED = tuple(state for state in ParcelState if state is not ParcelState.LEASED)


async def pause(tx: AsyncConnection, message: Message, deadline: datetime) -> bool:
    """Let nothing more of a message begin until it is resumed; False if it has ended.

    What is left at the deadline goes back to the queue: to be told that it is too late.
    """
    # Whoever is cutting it has lost it: the next lease of the plan has another epoch.
    await tx.execute(
        sa.update(plans)
        .where(*_plan_of(message))
        .values(epoch=plans.c.epoch + 1, due_time=deadline)
    )
    paused = await tx.execute(
        sa.update(messages)
        .where(*_row_of(message), messages.c.end_time.is_(None))
        .values(pause_time=sa.func.coalesce(messages.c.pause_time, sa.func.now()))
    )
    if not paused.rowcount:
        return False
    waiting = _parcels_of(message, ParcelState.READY, ParcelState.PARKED)
    await tx.execute(
        sa.update(parcels)
        .where(parcels.c.parcel_id == waiting.c.parcel_id)
        .values(state=ParcelState.PAUSED, due_time=deadline)
    )
    return True


async def resume(tx: AsyncConnection, message: Message) -> bool:
    """Let a paused message go on where it stands; False if it has ended.

    Parcels come last: a recorder that pauses one holds the message, and is waited for before.
    """
    is_paused = sa.exists().where(*_row_of(message), IS_PAUSED)
    await tx.execute(
        sa.update(plans)
        .where(*_plan_of(message), is_paused)
        .values(due_time=sa.func.greatest(sa.func.now(), message.start_time))
    )
    resumed = await tx.execute(
        sa.update(messages)
        .where(*_row_of(message), messages.c.end_time.is_(None))
        .values(pause_time=None)
    )
    if not resumed.rowcount:
        return False
    paused = _parcels_of(message, ParcelState.PAUSED)
    await tx.execute(
        sa.update(parcels)
        .where(parcels.c.parcel_id == paused.c.parcel_id)
        .values(state=ParcelState.READY, due_time=sa.func.now())
    )
    return True


async def cancel(tx: AsyncConnection, message: Message, now: datetime) -> None:
    """Withdraw a message for good: what nobody is sending right now is not sent any more."""
    await tx.execute(sa.delete(plans).where(*_plan_of(message)))
    cancelled = await tx.execute(
        sa.update(messages)
        .where(*_row_of(message), IS_NOT_CANCELLED)
        .values(status=Status.CANCELLED, end_time=sa.func.coalesce(messages.c.end_time, now))
    )
    if cancelled.rowcount:
        await counts.note_messages(tx, {message.app_id: -1})
    waiting = _parcels_of(message, *NOT_LEASED)
    await tx.execute(sa.delete(parcels).where(parcels.c.parcel_id == waiting.c.parcel_id))


async def cancel_all(tx: AsyncConnection, app_id: UUID, now: datetime) -> int:
    """Withdraw all that an application has under way; return how many messages."""
    planned = sa.delete(plans).where(plans.c.app_id == app_id).returning(plans.c.message_id)
    open_ids = set((await tx.execute(planned)).scalars())
    queued = sa.select(parcels.c.message_id).where(parcels.c.app_id == app_id).distinct()
    open_ids.update((await tx.execute(queued)).scalars())
    wanted = (messages.c.app_id == app_id, is_any(messages.c.message_id, sorted(open_ids)))
    await tx.execute(
        sa.select(messages.c.message_id)
        .where(*wanted)
        .order_by(messages.c.message_id)
        .with_for_update()
    )
    cancelled = (
        sa.update(messages)
        .where(*wanted, IS_NOT_CANCELLED)
        .values(status=Status.CANCELLED, end_time=sa.func.coalesce(messages.c.end_time, now))
        .returning(messages.c.is_internal)
    )
    internal = list((await tx.execute(cancelled)).scalars())
    if listed := internal.count(False):
        await counts.note_messages(tx, {app_id: -listed})
    waiting = (
        sa.select(parcels.c.parcel_id)
        .where(parcels.c.app_id == app_id, parcels.c.state.in_(NOT_LEASED))
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    await tx.execute(sa.delete(parcels).where(parcels.c.parcel_id == waiting.c.parcel_id))
    return len(internal)


async def read_halted(tx: AsyncConnection, keys: Collection[Key]) -> set[Key]:
    """Which of these messages are paused or cancelled now."""
    found = await tx.execute(
        sa.select(messages.c.app_id, messages.c.message_id).where(
            _is_one_of(keys), sa.or_(IS_PAUSED, ~IS_NOT_CANCELLED)
        )
    )
    return {(row.app_id, row.message_id) for row in found}


async def hold_paused(tx: AsyncConnection, keys: Collection[Key]) -> set[Key]:
    """Which of these messages are paused, and stay so until the transaction ends."""
    found = await tx.execute(
        sa.select(messages.c.app_id, messages.c.message_id)
        .where(_is_one_of(keys), IS_PAUSED)
        .order_by(messages.c.app_id, messages.c.message_id)
        .with_for_update(read=True)
    )
    return {(row.app_id, row.message_id) for row in found}


def _plan_of(message: Message) -> tuple[sa.ColumnElement[bool], ...]:
    return plans.c.app_id == message.app_id, plans.c.message_id == message.message_id


def _row_of(message: Message) -> tuple[sa.ColumnElement[bool], ...]:
    return messages.c.app_id == message.app_id, messages.c.message_id == message.message_id


def _parcels_of(message: Message, *states: ParcelState) -> sa.CTE:
    return (
        sa.select(parcels.c.parcel_id)
        .where(
            parcels.c.app_id == message.app_id,
            parcels.c.message_id == message.message_id,
            parcels.c.state.in_(states),
        )
        .with_for_update(skip_locked=True)
        .cte("halting")
    )


def _is_one_of(keys: Collection[Key]) -> sa.ColumnElement[bool]:
    ordered: Sequence[Key] = sorted(keys)
    key = (
        sa.func.unnest(
            sa.cast([app_id for app_id, _ in ordered], sa.ARRAY(sa.Uuid)),
            sa.cast([message_id for _, message_id in ordered], sa.ARRAY(sa.Text)),
        )
        .table_valued("app_id", "message_id", name="key")
        .render_derived()
    )
    pair = sa.tuple_(messages.c.app_id, messages.c.message_id)
    return pair.in_(sa.select(key.c.app_id, key.c.message_id))
