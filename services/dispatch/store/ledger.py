"""The ledger: segments of outcomes, appended once and never rewritten."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Outcome, OutcomeCount
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


async def append(tx: AsyncConnection, segments: Sequence[tuple[Parcel, Segment]]) -> None:
    """Write segments under the days of their messages."""
    rows = [
        {
            "day": parcel.first_time.date(),
            "app_id": parcel.app_id,
            "message_id": parcel.message_id,
            "parcel_id": parcel.parcel_id,
            "platform": segment.platform,
            "first_uid": segment.first_uid,
            "last_uid": segment.last_uid,
            "uids": segment.uids,
            "codes": segment.codes,
            "kinds": [[kind.outcome, kind.reason, kind.count] for kind in segment.kinds],
        }
        for parcel, segment in segments
    ]
    await tx.execute(sa.insert(ledger), rows)


async def recorded_uids(tx: AsyncConnection, parcel: Parcel) -> set[int]:
    """Whom an earlier owner of the parcel has on record. At most a slice's worth."""
    found = await tx.execute(
        sa.select(ledger.c.uids).where(
            *_of(parcel.app_id, parcel.message_id),
            ledger.c.first_uid.between(parcel.slice.after_uid, parcel.slice.through_uid),
            ledger.c.parcel_id == parcel.parcel_id,
        )
    )
    return {uid for packed in found.scalars() for uid in unpack_uids(packed)}


async def read(
    tx: AsyncConnection, app_id: UUID, message_id: str, *, after_uid: int, limit: int
) -> list[tuple[Segment, datetime]]:
    """Segments that hold uids beyond `after_uid`, by their first uid."""
    found = await tx.execute(
        sa.select(*PACKED)
        .where(*_of(app_id, message_id), ledger.c.last_uid > after_uid)
        .order_by(ledger.c.first_uid, ledger.c.segment_id)
        .limit(limit)
    )
    return [(_from_row(row), row.write_time) for row in found]


async def find(
    tx: AsyncConnection, app_id: UUID, message_id: str, uids: Sequence[int]
) -> list[tuple[Segment, datetime]]:
    """Segments whose stretch spans any of these uids."""
    wanted = (
        sa.func.unnest(sa.cast(list(uids), sa.ARRAY(sa.BigInteger)))
        .table_valued("uid", name="wanted")
        .render_derived()
    )
    found = await tx.execute(
        sa.select(*PACKED).where(
            *_of(app_id, message_id),
            sa.exists().where(wanted.c.uid.between(ledger.c.first_uid, ledger.c.last_uid)),
        )
    )
    return [(_from_row(row), row.write_time) for row in found]


async def count(tx: AsyncConnection, app_id: UUID, message_id: str) -> list[OutcomeCount]:
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
        .where(*_of(app_id, message_id))
        .group_by(ledger.c.platform, outcome, reason)
        .order_by(ledger.c.platform, outcome, reason)
    )
    return [
        OutcomeCount(Platform(row.platform), Outcome(row.outcome), row.reason, int(row.total))
        for row in found
    ]


async def open_days(tx: AsyncConnection, first: date, days: int) -> None:
    """Make sure that the partitions of these days exist. Safe to repeat and to race."""
    await tx.execute(sa.text("SELECT pg_advisory_xact_lock(7272)"))
    for offset in range(days):
        day = first + timedelta(days=offset)
        await tx.execute(
            sa.text(
                f"CREATE TABLE IF NOT EXISTS {_partition(day)} PARTITION OF ledger "
                f"FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
            )
        )


async def drop_days(tx: AsyncConnection, before: date) -> list[str]:
    """Drop the partitions of days before this one; return their names."""
    found = await tx.execute(
        sa.text(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'ledger'::regclass AND inhrelid::regclass::text < :oldest"
        ),
        {"oldest": _partition(before)},
    )
    names = list(found.scalars())
    for name in names:
        await tx.execute(sa.text(f"DROP TABLE {name}"))
    return names


def _partition(day: date) -> str:
    return f"ledger_{day:%Y%m%d}"


def _of(app_id: UUID, message_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return ledger.c.app_id == app_id, ledger.c.message_id == message_id


def _from_row(row: sa.Row[*tuple[Any, ...]]) -> Segment:
    return Segment(
        platform=Platform(row.platform),
        first_uid=row.first_uid,
        last_uid=row.last_uid,
        uids=row.uids,
        codes=row.codes,
        kinds=tuple(Kind(Outcome(o), reason, total) for o, reason, total in row.kinds),
    )
