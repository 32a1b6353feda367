"""The ledger: segments of outcomes, appended once and never rewritten."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.knots import list_knots
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Outcome, OutcomeCount, Place
from services.dispatch.domain.parcels import Parcel
from services.dispatch.domain.segments import Kind, Segment, unpack_uids
from services.dispatch.store.tables import ledger

PACKED = (
    ledger.c.platform,
    ledger.c.first_uid,
    ledger.c.last_uid,
    ledger.c.uids,
    ledger.c.codes,
    ledger.c.kinds,
    ledger.c.write_time,
)


async def recorded_uids(tx: AsyncConnection, parcel: Parcel) -> set[int]:
    """Whom an earlier owner of the parcel has on record. At most a slice's worth."""
    found = await tx.execute(
        sa.select(ledger.c.uids).where(
            *_of(parcel.app_id, parcel.message_id, parcel.first_time.date()),
            ledger.c.knot > parcel.slice.after_uid,
            ledger.c.knot <= parcel.slice.through_uid,
            ledger.c.parcel_id == parcel.parcel_id,
        )
    )
    return {uid for packed in found.scalars() for uid in unpack_uids(packed)}


async def read(
    tx: AsyncConnection, message: Message, place: Place | None, *, backward: bool, limit: int
) -> list[tuple[int, Segment, datetime]]:
    """Segments by number from the one of `place` on, that one included, in either direction."""
    number = ledger.c.segment_id
    query = sa.select(number, *PACKED).where(*_of_message(message))
    if place is not None:
        query = query.where(number <= place[0] if backward else number >= place[0])
    found = await tx.execute(query.order_by(number.desc() if backward else number).limit(limit))
    return [(row.segment_id, _from_row(row), row.write_time) for row in found]


async def find(
    tx: AsyncConnection, message: Message, uids: Sequence[int]
) -> list[tuple[Segment, datetime]]:
    """Segments whose stretch spans any of these uids, however many the message has."""
    pairs = [(uid, knot) for uid in uids for knot in list_knots(uid)]
    wanted = (
        sa.func.unnest(
            sa.cast([uid for uid, _ in pairs], sa.ARRAY(sa.BigInteger)),
            sa.cast([knot for _, knot in pairs], sa.ARRAY(sa.BigInteger)),
        )
        .table_valued("uid", "knot", name="wanted")
        .render_derived()
    )
    spanning = ledger.join(
        wanted,
        sa.and_(
            ledger.c.knot == wanted.c.knot,
            ledger.c.first_uid <= wanted.c.uid,
            ledger.c.last_uid >= wanted.c.uid,
        ),
    )
    number = ledger.c.segment_id
    found = await tx.execute(
        sa.select(number, *PACKED).select_from(spanning).where(*_of_message(message))
    )
    once = {row.segment_id: (_from_row(row), row.write_time) for row in found}
    return list(once.values())


async def count(tx: AsyncConnection, message: Message) -> list[OutcomeCount]:
    """How many ended how, by platform: the sums of what the segments hold."""
    kind = (
        sa.func.jsonb_array_elements(ledger.c.kinds)
        .table_valued("value", name="kind")
        .render_derived()
    )
    outcome = sa.cast(kind.c.value.op("->>")(0), sa.SmallInteger)
    reason = kind.c.value.op("->>")(1)
    total = sa.func.sum(sa.cast(kind.c.value.op("->>")(2), sa.BigInteger))
    found = await tx.execute(
        sa.select(
            ledger.c.platform,
            outcome.label("outcome"),
            reason.label("reason"),
            total.label("total"),
        )
        .select_from(ledger.join(kind, sa.true()))
        .where(*_of_message(message))
        .group_by(ledger.c.platform, outcome, reason)
        .order_by(ledger.c.platform, outcome, reason)
    )
    return [
        OutcomeCount(Platform(row.platform), Outcome(row.outcome), row.reason, int(row.total))
        for row in found
    ]


def _of_message(message: Message) -> tuple[sa.ColumnElement[bool], ...]:
    return _of(message.app_id, message.message_id, message.day)


def _of(app_id: UUID, message_id: str, day: date) -> tuple[sa.ColumnElement[bool], ...]:
    """With the day, only one partition is looked into."""
    return ledger.c.day == day, ledger.c.app_id == app_id, ledger.c.message_id == message_id


def _from_row(row: sa.Row[*tuple[Any, ...]]) -> Segment:
    return Segment(
        platform=Platform(row.platform),
        first_uid=row.first_uid,
        last_uid=row.last_uid,
        uids=row.uids,
        codes=row.codes,
        kinds=tuple(Kind(Outcome(o), reason, total) for o, reason, total in row.kinds),
    )
