"""Messages: taken, read, moved along their statuses."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.content import Content
from services.dispatch.domain.fairness import divide
from services.dispatch.domain.messages import Message, Platform, Status, Target
from services.dispatch.domain.parcels import WHOLE_AXIS, Lane, ParcelState
from services.dispatch.domain.schedules import Schedule
from services.dispatch.store import counts, shares
from services.dispatch.store.tables import is_any, ledger, messages, parcels, plans
from services.kit.paging import Window
from services.kit.prepared import Prepared

# Written out, not bound: a plan made for any status could not use the partial index.
IS_NOT_CANCELLED = messages.c.status != sa.literal_column(str(int(Status.CANCELLED)))
IS_PAUSED = messages.c.pause_time.is_not(None)
COLUMNS = (
    messages.c.app_id,
    messages.c.message_id,
    messages.c.content,
    messages.c.target,
    messages.c.annotation,
    messages.c.status,
    messages.c.create_time,
    messages.c.start_time,
    messages.c.expire_time,
    messages.c.end_time,
    messages.c.trace_parent,
    IS_PAUSED.label("is_paused"),
)
IS_LISTED = sa.and_(IS_NOT_CANCELLED, ~messages.c.is_internal)


async def accept(tx: AsyncConnection, accepted: Sequence[Message]) -> None:
    """Put new messages on record: a small target as its one parcel, others to be planned.

    What is scheduled is a plan until its time, however small.

    Raises:
        sqlalchemy.exc.IntegrityError: if an id is taken.
    """
    await tx.execute(sa.insert(messages), [_to_row(each) for each in accepted])
    await counts.note_messages(
        tx, Counter(each.app_id for each in accepted if not each.content.is_internal)
    )
    large = [
        {"app_id": each.app_id, "message_id": each.message_id}
        for each in accepted
        if not each.target.is_small and not each.schedule.start
    ]
    if large:
        await tx.execute(sa.insert(plans), large)
    scheduled = [
        {
            "app_id": each.app_id,
            "message_id": each.message_id,
            "is_small": each.target.is_small,
            "due_time": each.schedule.start,
        }
        for each in accepted
        if each.schedule.start
    ]
    if scheduled:
        await tx.execute(sa.insert(plans), scheduled)
    # The last, because it locks what other transactions wait for.
    await add_small(
        tx, [each for each in accepted if each.target.is_small and not each.schedule.start]
    )


async def add_small(tx: AsyncConnection, accepted: Sequence[Message]) -> None:
    """Put messages with small targets into the queue, each as one parcel."""
    sizes: dict[UUID, list[int]] = {}
    for each in accepted:
        sizes.setdefault(each.app_id, []).append(len(each.target.names))
    if not sizes:
        return
    given = await shares.take(tx, Lane.EXPRESS, {app_id: sum(s) for app_id, s in sizes.items()})
    places = {app_id: divide(given[app_id], sizes[app_id]) for app_id in sizes}
    rows = [{**_to_parcel(each), "place": next(places[each.app_id])} for each in accepted]
    await tx.execute(sa.insert(parcels), rows)


def _begin_small() -> sa.Update:
    due = (
        sa.select(plans.c.app_id, plans.c.message_id)
        .where(plans.c.is_small, plans.c.due_time <= sa.func.now())
        .order_by(plans.c.due_time)
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    begun = (
        sa.delete(plans)
        .where(plans.c.app_id == due.c.app_id, plans.c.message_id == due.c.message_id)
        .returning(plans.c.app_id, plans.c.message_id)
        .cte("begun")
    )
    return (
        sa.update(messages)
        .where(messages.c.app_id == begun.c.app_id, messages.c.message_id == begun.c.message_id)
        .values(status=Status.DISPATCHING)
        .returning(*COLUMNS)
    )


# Asked four times a second by a planner that has nothing to do, and so built once.
BEGIN_SMALL = _begin_small()


async def begin_small(tx: AsyncConnection, limit: int) -> int:
    """Put messages with small targets into the queue whose time has come; return how many."""
    moved = await tx.execute(BEGIN_SMALL, {"limit": limit})
    found = [_from_row(row) for row in moved]
    await add_small(tx, found)
    return len(found)


async def get(tx: AsyncConnection, app_id: UUID, message_id: str) -> Message | None:
    found = await tx.execute(
        sa.select(*COLUMNS).where(messages.c.app_id == app_id, messages.c.message_id == message_id)
    )
    row = found.one_or_none()
    return _from_row(row) if row else None


async def get_all(
    tx: AsyncConnection, app_id: UUID, message_ids: Sequence[str]
) -> dict[str, Message]:
    found = await tx.execute(
        sa.select(*COLUMNS).where(
            messages.c.app_id == app_id, is_any(messages.c.message_id, message_ids)
        )
    )
    return {row.message_id: _from_row(row) for row in found}


async def newest(
    tx: AsyncConnection, app_id: UUID, window: Window[tuple[int]]
) -> list[tuple[int, Message]]:
    """Messages with their numbers, newest first or backward, without cancelled ones."""
    number = messages.c.number
    query = sa.select(*COLUMNS, number).where(messages.c.app_id == app_id, IS_LISTED)
    if window.position is not None:
        (place,) = window.position
        query = query.where(number > place if window.backward else number < place)
    found = await tx.execute(
        query.order_by(number if window.backward else number.desc())
        .offset(window.skip)
        .limit(window.limit)
    )
    return [(row.number, _from_row(row)) for row in found]


async def move(
    tx: AsyncConnection, app_id: UUID, message_id: str, status: Status, now: datetime | None = None
) -> bool:
    """Move a message along; False if it stands there or further already. `now` ends it."""
    moved = await tx.execute(
        sa.update(messages)
        .where(
            messages.c.app_id == app_id,
            messages.c.message_id == message_id,
            messages.c.status < status,
            messages.c.end_time.is_(None),
        )
        .values(status=status, end_time=now)
    )
    return moved.rowcount == 1


async def forget(tx: AsyncConnection, before: datetime, limit: int) -> int:
    """Delete some of the messages that began before a time; return how many."""
    oldest = (
        sa.select(messages.c.app_id, messages.c.message_id)
        .where(messages.c.start_time < before)
        .order_by(messages.c.start_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("oldest")
    )
    gone = (
        sa.delete(messages)
        .where(messages.c.app_id == oldest.c.app_id, messages.c.message_id == oldest.c.message_id)
        .returning(messages.c.app_id, IS_LISTED.label("was_listed"))
    )
    rows = (await tx.execute(gone)).all()
    listed = Counter(row.app_id for row in rows if row.was_listed)
    await counts.note_messages(tx, {app_id: -count for app_id, count in listed.items()})
    return len(rows)


def _make_finish() -> sa.Update:
    ended = (
        sa.select(messages.c.app_id, messages.c.message_id, messages.c.start_time)
        .where(
            messages.c.status == Status.DISPATCHING,
            ~sa.exists().where(
                parcels.c.app_id == messages.c.app_id,
                parcels.c.message_id == messages.c.message_id,
            ),
        )
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .with_for_update(skip_locked=True, of=messages)
        .cte("ended")
    )
    return (
        sa.update(messages)
        .where(messages.c.app_id == ended.c.app_id, messages.c.message_id == ended.c.message_id)
        .values(
            status=_judge(ended),
            end_time=sa.bindparam("now", type_=messages.c.end_time.type),
        )
        .returning(messages.c.message_id, messages.c.status)
    )


def _judge(ended: sa.CTE) -> sa.ColumnElement[int]:
    """DISPATCHED if anyone was sent to, else DISPATCHING_FAILED, or FAILED if nobody was meant."""
    segments = (
        sa.select(sa.literal(1))
        .where(
            ledger.c.day == sa.cast(sa.func.timezone("UTC", ended.c.start_time), sa.Date),
            ledger.c.app_id == ended.c.app_id,
            ledger.c.message_id == ended.c.message_id,
        )
        .correlate(ended)
    )
    sent = segments.where(
        sa.func.jsonb_path_exists(
            ledger.c.kinds, sa.literal_column("'$[*] ? (@[0] == 2)'::jsonpath")
        )
    )
    return sa.case(
        (sent.exists(), int(Status.DISPATCHED)),
        (segments.exists(), int(Status.DISPATCHING_FAILED)),
        else_=int(Status.FAILED),
    )


FINISH = Prepared(_make_finish())


async def finish(tx: AsyncConnection, now: datetime, limit: int) -> list[tuple[str, Status]]:
    """End messages whose last parcel is gone, by what stands in the ledger about them.

    For a connection that commits by itself: it is the planner's question while anything is sent.
    """
    finished = await FINISH.fetch(tx, now=now, limit=limit)
    return [(row["message_id"], Status(row["status"])) for row in finished]


def _to_row(message: Message) -> dict[str, Any]:
    return {
        "app_id": message.app_id,
        "message_id": message.message_id,
        "content": _write_said(message.content),
        "target": msgspec.to_builtins(message.target),
        "is_synced": message.content.android.sync,
        "is_internal": message.content.is_internal,
        "annotation": message.annotation,
        "trace_parent": message.trace_parent,
        "status": message.status,
        "create_time": message.create_time,
        "start_time": message.start_time,
        "expire_time": message.schedule.end,
    }


def _write_said(options: Any) -> dict[str, Any]:  # noqa: ANN401  any part of a content
    """A content as JSON, without its members that stand at their defaults, as most of them do."""
    values = {field: getattr(options, field.name) for field in fields(options)}
    return {
        field.name: _write_said(value) if is_dataclass(value) else msgspec.to_builtins(value)
        for field, value in values.items()
        if value != field.default
    }


def _to_parcel(message: Message) -> dict[str, Any]:
    return {
        "app_id": message.app_id,
        "message_id": message.message_id,
        "lane": Lane.EXPRESS,
        "platform": Platform.ANDROID if message.content.dismisses else Platform.MIXED,
        "after_uid": 0,
        "through_uid": WHOLE_AXIS,
        "attempt": 0,
        "first_time": message.start_time,
        "state": ParcelState.READY,
    }


def _from_row(row: sa.Row[*tuple[Any, ...]]) -> Message:
    return Message(
        row.app_id,
        row.message_id,
        msgspec.convert(row.content, Content),
        msgspec.convert(row.target, Target),
        row.annotation,
        Status(row.status),
        row.create_time,
        row.end_time,
        row.trace_parent,
        row.is_paused,
        Schedule(row.start_time if row.start_time != row.create_time else None, row.expire_time),
    )
