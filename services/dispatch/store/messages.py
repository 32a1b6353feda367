"""Messages: taken, read, moved along their statuses."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.content import Content
from services.dispatch.domain.messages import Message, Status, Target
from services.dispatch.domain.schedules import Schedule
from services.dispatch.store import counts
from services.dispatch.store.tables import is_any, ledger, messages, parcels
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


async def get(tx: AsyncConnection, app_id: UUID, message_id: str) -> Message | None:
    found = await tx.execute(
        sa.select(*COLUMNS).where(messages.c.app_id == app_id, messages.c.message_id == message_id)
    )
    row = found.one_or_none()
    return read_message(row) if row else None


def _make_get_each() -> sa.Select[Any]:
    asked = (
        sa.func.unnest(
            sa.cast(sa.bindparam("app_ids", type_=sa.ARRAY(sa.Uuid)), sa.ARRAY(sa.Uuid)),
            sa.cast(sa.bindparam("message_ids", type_=sa.ARRAY(sa.Text)), sa.ARRAY(sa.Text)),
        )
        .table_valued(sa.column("app_id", sa.Uuid), sa.column("message_id", sa.Text), name="asked")
        .render_derived()
    )
    return sa.select(*COLUMNS).where(
        messages.c.app_id == asked.c.app_id, messages.c.message_id == asked.c.message_id
    )


GET_EACH = Prepared(_make_get_each())


async def get_each(
    tx: AsyncConnection, keys: Collection[tuple[UUID, str]]
) -> dict[tuple[UUID, str], Message]:
    """Messages of several applications, in a transaction that has begun."""
    found = await GET_EACH.fetch(
        tx,
        app_ids=[app_id for app_id, _ in keys],
        message_ids=[message_id for _, message_id in keys],
    )
    return {(row["app_id"], row["message_id"]): read_message(row) for row in found}


async def get_all(
    tx: AsyncConnection, app_id: UUID, message_ids: Sequence[str]
) -> dict[str, Message]:
    found = await tx.execute(
        sa.select(*COLUMNS).where(
            messages.c.app_id == app_id, is_any(messages.c.message_id, message_ids)
        )
    )
    return {row.message_id: read_message(row) for row in found}


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
    return [(row.number, read_message(row)) for row in found]


async def move(
    tx: AsyncConnection, app_id: UUID, message_id: str, status: Status, now: datetime | None = None
) -> bool:
    """Move a message along; False if it stands there or further already. `now` ends it."""
    moved = await tx.execute(
        sa.update(messages)
        .where(
            messages.c.app_id == app_id,
            messages.c.message_id == message_id,
            *may_move(status),
        )
        .values(status=status, end_time=now)
    )
    return moved.rowcount == 1


def may_move(status: Status) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a message neither stands there or further already, nor has ended."""
    return messages.c.status < status, messages.c.end_time.is_(None)


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
    """DISPATCHED if anyone was sent to, else DISPATCHING_FAILED, or FAILED if nobody was meant.

    One segment is looked up by the message's key. For EXISTS the planner may read the day's whole
    ledger at once instead, which it takes for empty while it has no statistics of the day.
    """
    segments = (
        sa.select(sa.literal(1))
        .where(
            ledger.c.day == sa.cast(sa.func.timezone("UTC", ended.c.start_time), sa.Date),
            ledger.c.app_id == ended.c.app_id,
            ledger.c.message_id == ended.c.message_id,
        )
        .correlate(ended)
        .limit(1)
    )
    sent = segments.where(
        sa.func.jsonb_path_exists(
            ledger.c.kinds, sa.literal_column("'$[*] ? (@[0] == 2)'::jsonpath")
        )
    )
    return sa.case(
        (sent.scalar_subquery().is_not(None), int(Status.DISPATCHED)),
        (segments.scalar_subquery().is_not(None), int(Status.DISPATCHING_FAILED)),
        else_=int(Status.FAILED),
    )


FINISH = Prepared(_make_finish())


async def finish(tx: AsyncConnection, now: datetime, limit: int) -> list[tuple[str, Status]]:
    """End messages whose last parcel is gone, by what stands in the ledger about them.

    For a connection that commits by itself: it is the planner's question while anything is sent.
    """
    finished = await FINISH.fetch(tx, now=now, limit=limit)
    return [(row["message_id"], Status(row["status"])) for row in finished]


def read_message(row: Sequence[Any]) -> Message:
    """A row of COLUMNS; what comes after them is its reader's."""
    (
        app_id,
        message_id,
        content,
        target,
        annotation,
        status,
        create_time,
        start_time,
        expire_time,
        end_time,
        trace_parent,
        is_paused,
    ) = row[: len(COLUMNS)]
    return Message(
        app_id,
        message_id,
        msgspec.convert(content, Content),
        msgspec.convert(target, Target),
        annotation,
        Status(status),
        create_time,
        end_time,
        trace_parent,
        is_paused,
        Schedule(start_time if start_time != create_time else None, expire_time),
    )
