"""Receipts: the furthest each device says it came with a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Outcome, Receipt
from services.dispatch.store.messages import IS_NOT_CANCELLED
from services.dispatch.store.tables import dismissals, is_any, messages, receipts

DAY_OF_MESSAGE = sa.cast(sa.func.timezone("UTC", messages.c.start_time), sa.Date)
Key = tuple[UUID, str, int]


@dataclass(frozen=True, slots=True)
class Noted:
    """How far a device has come with a message, and whether it came there just now."""

    outcome: Outcome
    is_new: bool


async def record(
    tx: AsyncConnection, reported: Sequence[Receipt], now: datetime
) -> dict[Key, Noted]:
    """Note receipts, never backwards; where each stands now.

    Left out are those of messages that are unknown or were deleted. `reported` names each
    (message, uid) once: a statement cannot touch a row twice.
    """
    report = _report(reported)
    noted = await tx.execute(
        _upsert(_known(report, now))
        .add_cte(_note_openings(report))
        .returning(
            receipts.c.app_id,
            receipts.c.message_id,
            receipts.c.uid,
            receipts.c.outcome,
            receipts.c.update_time,
        )
    )
    return {
        (row.app_id, row.message_id, row.uid): Noted(Outcome(row.outcome), row.update_time == now)
        for row in noted
    }


def _report(reported: Sequence[Receipt]) -> sa.TableValuedAlias:
    return (
        sa.func.unnest(
            sa.cast([r.app_id for r in reported], sa.ARRAY(sa.Uuid)),
            sa.cast([r.message_id for r in reported], sa.ARRAY(sa.Text)),
            sa.cast([r.uid for r in reported], sa.ARRAY(sa.BigInteger)),
            sa.cast([r.platform for r in reported], sa.ARRAY(sa.SmallInteger)),
            sa.cast([r.outcome for r in reported], sa.ARRAY(sa.SmallInteger)),
        )
        .table_valued("app_id", "message_id", "uid", "platform", "outcome", name="report")
        .render_derived()
    )


def _known(report: sa.TableValuedAlias, now: datetime) -> sa.Select[Any]:
    """What is reported of messages that are there, in the order in which all batches lock."""
    return (
        sa.select(
            DAY_OF_MESSAGE,
            report.c.app_id,
            report.c.message_id,
            report.c.uid,
            report.c.platform,
            report.c.outcome,
            sa.literal(now, sa.DateTime(timezone=True)),
        )
        .join(
            messages,
            (messages.c.app_id == report.c.app_id) & (messages.c.message_id == report.c.message_id),
        )
        .where(IS_NOT_CANCELLED)
        .order_by(report.c.app_id, report.c.message_id, report.c.uid)
    )


def _upsert(known: sa.Select[Any]) -> pg.Insert:
    """Whoever reports less than is on record changes nothing."""
    insert = pg.insert(receipts).from_select(
        ["day", "app_id", "message_id", "uid", "platform", "outcome", "update_time"], known
    )
    is_further = receipts.c.outcome < insert.excluded.outcome
    return insert.on_conflict_do_update(
        index_elements=["app_id", "message_id", "uid", "day"],
        set_={
            "outcome": sa.func.greatest(receipts.c.outcome, insert.excluded.outcome),
            "update_time": sa.case(
                (is_further, insert.excluded.update_time), else_=receipts.c.update_time
            ),
        },
    )


def _note_openings(report: sa.TableValuedAlias) -> sa.CTE:
    """Put synced messages that are opened for the first time where the dismisser finds them."""
    was_open = sa.exists().where(
        receipts.c.app_id == report.c.app_id,
        receipts.c.message_id == report.c.message_id,
        receipts.c.uid == report.c.uid,
        receipts.c.outcome == Outcome.OPEN,
    )
    opened = (
        sa.select(report.c.app_id, report.c.message_id, report.c.uid)
        .join(
            messages,
            (messages.c.app_id == report.c.app_id) & (messages.c.message_id == report.c.message_id),
        )
        .where(IS_NOT_CANCELLED, messages.c.is_synced, report.c.outcome == Outcome.OPEN, ~was_open)
    )
    noted = pg.insert(dismissals).from_select(["app_id", "message_id", "uid"], opened)
    return noted.on_conflict_do_nothing().cte("noted")


async def find(
    tx: AsyncConnection, message: Message, uids: Sequence[int]
) -> dict[int, tuple[Platform, Outcome, datetime]]:
    found = await tx.execute(
        sa.select(
            receipts.c.uid, receipts.c.platform, receipts.c.outcome, receipts.c.update_time
        ).where(
            receipts.c.day == message.day,
            receipts.c.app_id == message.app_id,
            receipts.c.message_id == message.message_id,
            is_any(receipts.c.uid, uids),
        )
    )
    return {
        row.uid: (Platform(row.platform), Outcome(row.outcome), row.update_time) for row in found
    }
