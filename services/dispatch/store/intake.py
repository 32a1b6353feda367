"""How messages come in: many by one statement, put on record with all that follows from them.

A small target becomes its one parcel, at the place that its application has come to; others are
planned. What is scheduled is a plan until its time, however small.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.fairness import DEFAULT_WEIGHT, ROAD
from services.dispatch.domain.messages import Message, Platform, Status
from services.dispatch.domain.parcels import WHOLE_AXIS, Lane, ParcelState
from services.dispatch.store.counts import ANY_DAY, MESSAGES
from services.kit.prepared import Prepared

# Each of `small` (app_id, message_id, number, size, platform, start_time) into the queue. What one
# application brings shares the road that it is given, each from where the one before it ends. The
# row of an application's share is locked from there on, in the order of ids.
ENQUEUE = """
    road AS (
        SELECT wanted.app_id, greatest(
            size * CAST(:road AS bigint) / coalesce(weights.weight, CAST(:weight AS bigint)), 1
        ) AS length
        FROM (SELECT app_id, sum(size)::bigint AS size FROM small GROUP BY app_id) AS wanted
        LEFT JOIN weights ON weights.app_id = wanted.app_id
    ),
    given AS (
        INSERT INTO shares (app_id, lane, finish, length)
        SELECT app_id, CAST(:express AS smallint), last_value + length, length
        FROM road, express_clock
        ORDER BY app_id
        ON CONFLICT (app_id, lane) DO UPDATE SET
            finish = greatest(shares.finish, excluded.finish - excluded.length) + excluded.length,
            length = excluded.length
        RETURNING app_id, finish - length AS start, length
    )
    INSERT INTO parcels (
        app_id, message_id, lane, place, platform, after_uid, through_uid, first_time, state
    )
    SELECT app_id, message_id, CAST(:express AS smallint),
        start + length * (
            sum(size) OVER (PARTITION BY app_id ORDER BY number) - size
        )::bigint / sum(size) OVER (PARTITION BY app_id)::bigint,
        platform, 0, CAST(:whole_axis AS bigint), start_time, CAST(:ready AS smallint)
    FROM small JOIN given USING (app_id)
    ORDER BY number
    RETURNING parcel_id
"""
BRING = """
    WITH brought AS (
        SELECT * FROM unnest(
            CAST(:app_ids AS uuid[]), CAST(:message_ids AS text[]), CAST(:contents AS text[]),
            CAST(:targets AS text[]), CAST(:sizes AS bigint[]), CAST(:platforms AS smallint[]),
            CAST(:are_small AS boolean[]), CAST(:are_scheduled AS boolean[]),
            CAST(:are_synced AS boolean[]), CAST(:are_internal AS boolean[]),
            CAST(:annotations AS text[]), CAST(:trace_parents AS text[]),
            CAST(:statuses AS smallint[]), CAST(:create_times AS timestamptz[]),
            CAST(:start_times AS timestamptz[]), CAST(:expire_times AS timestamptz[])
        ) WITH ORDINALITY AS brought (
            app_id, message_id, content, target, size, platform, is_small, is_scheduled, is_synced,
            is_internal, annotation, trace_parent, status, create_time, start_time, expire_time,
            number
        )
    ),
    written AS (
        INSERT INTO messages (
            app_id, message_id, content, target, is_synced, is_internal, annotation, trace_parent,
            status, create_time, start_time, expire_time
        )
        SELECT app_id, message_id, content::jsonb, target::jsonb, is_synced, is_internal,
            annotation, trace_parent, status, create_time, start_time, expire_time
        FROM brought ORDER BY number
    ),
    counted AS (
        INSERT INTO count_changes (app_id, day, platform, outcome, delta)
        SELECT app_id, CAST(:any_day AS date), CAST(:mixed AS smallint),
            CAST(:counts_messages AS smallint), count(*)
        FROM brought WHERE NOT is_internal GROUP BY app_id
    ),
    planned AS (
        INSERT INTO plans (app_id, message_id, is_small, due_time)
        SELECT app_id, message_id, is_small, CASE WHEN is_scheduled THEN start_time ELSE now() END
        FROM brought WHERE is_scheduled OR NOT is_small
    ),
    small AS (SELECT * FROM brought WHERE is_small AND NOT is_scheduled),
"""
BEGIN = """
    WITH due AS (
        SELECT app_id, message_id FROM plans
        WHERE is_small AND due_time <= now()
        ORDER BY due_time
        LIMIT CAST(:limit AS integer)
        FOR UPDATE SKIP LOCKED
    ),
    begun AS (
        DELETE FROM plans USING due
        WHERE plans.app_id = due.app_id AND plans.message_id = due.message_id
        RETURNING plans.app_id, plans.message_id
    ),
    small AS (
        UPDATE messages SET status = CAST(:dispatching AS smallint)
        FROM begun
        WHERE messages.app_id = begun.app_id AND messages.message_id = begun.message_id
        RETURNING messages.app_id, messages.message_id, number, start_time,
            jsonb_array_length(target -> 'names') AS size, CAST(:mixed AS smallint) AS platform
    ),
"""
QUEUED = {
    "road": ROAD,
    "weight": DEFAULT_WEIGHT,
    "express": int(Lane.EXPRESS),
    "whole_axis": WHOLE_AXIS,
    "ready": int(ParcelState.READY),
    "mixed": int(Platform.MIXED),
}
ACCEPT = Prepared(
    sa.text(BRING + ENQUEUE).bindparams(**QUEUED, any_day=ANY_DAY, counts_messages=MESSAGES)
)
BEGIN_SMALL = Prepared(
    sa.text(BEGIN + ENQUEUE).bindparams(**QUEUED, dispatching=int(Status.DISPATCHING))
)


class IdTaken(Exception):
    """Another message has one of the ids: they are drawn at random."""


async def accept(tx: AsyncConnection, accepted: Sequence[Message]) -> None:
    """Put new messages on record, by itself or in a transaction that has begun.

    Raises:
        IdTaken: if an id is.
    """
    try:
        await ACCEPT.fetch(tx, **_bind(accepted))
    except asyncpg.UniqueViolationError:
        raise IdTaken from None


async def begin_small(tx: AsyncConnection, limit: int) -> int:
    """Put messages with small targets into the queue whose time has come; return how many.

    By itself, or in a transaction that has begun.
    """
    return len(await BEGIN_SMALL.fetch(tx, limit=limit))


def _bind(accepted: Sequence[Message]) -> dict[str, list[Any]]:
    """The statement's parameters: columns, an array each."""
    return {
        "app_ids": [each.app_id for each in accepted],
        "message_ids": [each.message_id for each in accepted],
        "contents": [_encode(_write_said(each.content)) for each in accepted],
        "targets": [_encode(each.target) for each in accepted],
        "sizes": [len(each.target.names) for each in accepted],
        "platforms": [_platform_of(each) for each in accepted],
        "are_small": [each.target.is_small for each in accepted],
        "are_scheduled": [each.schedule.start is not None for each in accepted],
        "are_synced": [each.content.android.sync for each in accepted],
        "are_internal": [each.content.is_internal for each in accepted],
        "annotations": [each.annotation for each in accepted],
        "trace_parents": [each.trace_parent for each in accepted],
        "statuses": [each.status for each in accepted],
        "create_times": [each.create_time for each in accepted],
        "start_times": [each.start_time for each in accepted],
        "expire_times": [each.schedule.end for each in accepted],
    }


def _platform_of(message: Message) -> Platform:
    return Platform.ANDROID if message.content.dismisses else Platform.MIXED


def _encode(said: object) -> str:
    return msgspec.json.encode(said).decode()


def _write_said(options: Any) -> dict[str, Any]:  # noqa: ANN401  any part of a content
    """A content as JSON, without its members that stand at their defaults, as most of them do."""
    values = {field: getattr(options, field.name) for field in fields(options)}
    return {
        field.name: _write_said(value) if is_dataclass(value) else msgspec.to_builtins(value)
        for field, value in values.items()
        if value != field.default
    }
