"""A checkpoint: what came of many parcels, written by one statement, in time or not at all.

It is the statement that is run most often, at full speed hundreds of times a second. So it is one,
and commits by itself where nothing else belongs to it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.knots import find_knot
from services.dispatch.domain.outcomes import Manner
from services.dispatch.domain.parcels import Parcel, ParcelState
from services.dispatch.domain.segments import Segment, pack, pack_uids
from services.dispatch.domain.webhooks import NOTIFICATIONS
from services.dispatch.store.news import TOLD
from services.kit.prepared import Prepared

STATEMENT = """
    WITH held AS (
        SELECT parcels.parcel_id, parcels.epoch, app_id, message_id, lease.ends,
            (first_time AT TIME ZONE 'UTC')::date AS day
        FROM unnest(
            CAST(:parcel_ids AS bigint[]), CAST(:epochs AS integer[]), CAST(:ends AS boolean[])
        ) AS lease (parcel_id, epoch, ends)
        JOIN parcels ON parcels.parcel_id = lease.parcel_id AND parcels.epoch = lease.epoch
            AND parcels.state = CAST(:leased AS smallint)
        ORDER BY parcels.parcel_id
        FOR UPDATE OF parcels
    ),
    written AS (
        INSERT INTO ledger (
            day, app_id, message_id, parcel_id, platform, knot, first_uid, last_uid, uids, codes,
            kinds
        )
        SELECT day, app_id, message_id, parcel_id, platform, knot, first_uid, last_uid, uids, codes,
            kinds::jsonb
        FROM unnest(
            CAST(:segment_parcel_ids AS bigint[]), CAST(:segment_epochs AS integer[]),
            CAST(:platforms AS smallint[]), CAST(:knots AS bigint[]),
            CAST(:first_uids AS bigint[]), CAST(:last_uids AS bigint[]), CAST(:uids AS bytea[]),
            CAST(:codes AS bytea[]), CAST(:kinds AS text[])
        ) AS segment (parcel_id, epoch, platform, knot, first_uid, last_uid, uids, codes, kinds)
        JOIN held USING (parcel_id, epoch)
    ),
    manner AS (
        SELECT day, app_id, message_id, platform, outcome, reason, count, uids
        FROM unnest(
            CAST(:manner_parcel_ids AS bigint[]), CAST(:manner_epochs AS integer[]),
            CAST(:manner_platforms AS smallint[]), CAST(:outcomes AS smallint[]),
            CAST(:reasons AS text[]), CAST(:counts AS integer[]), CAST(:manner_uids AS bytea[])
        ) AS manner (parcel_id, epoch, platform, outcome, reason, count, uids)
        JOIN held USING (parcel_id, epoch)
    ),
    counted AS (
        INSERT INTO count_changes (app_id, day, platform, outcome, delta)
        SELECT app_id, day, platform, outcome, sum(count) FROM manner GROUP BY 1, 2, 3, 4
    ),
    told AS (
        INSERT INTO news (app_id, message_id, platform, outcome, reason, uids)
        SELECT app_id, message_id, platform, outcome, reason, uids FROM manner
        WHERE outcome = ANY (CAST(:told AS smallint[])) AND EXISTS (
            SELECT FROM webhooks
            WHERE webhooks.app_id = manner.app_id
                AND webhooks.kinds & CAST(:notifications AS smallint) <> 0
        )
        RETURNING app_id
    ),
    done AS (
        DELETE FROM parcels USING held WHERE parcels.parcel_id = held.parcel_id AND held.ends
    )
    SELECT parcel_id, epoch, EXISTS (SELECT FROM told) AS is_news FROM held
"""
RECORD = Prepared(sa.text(STATEMENT))


@dataclass(frozen=True, slots=True)
class Entry:
    """Who of a leased parcel ended, and how; `ends` if nothing is left of it."""

    parcel: Parcel
    ended: Mapping[Manner, Sequence[int]] = field(default_factory=dict)
    ends: bool = False


async def record(
    tx: AsyncConnection, entries: Sequence[Entry]
) -> tuple[set[tuple[int, int]], bool]:
    """Write outcomes to the ledger, count them, note them for who listens, delete what has ended.

    What another owner has taken meanwhile is left to him. Returns the keys of the leases that were
    still ours, and whether somebody listens.
    """
    found = await RECORD.fetch(tx, **bind(entries))
    held = {(row["parcel_id"], row["epoch"]) for row in found}
    return held, any(row["is_news"] for row in found)


def bind(entries: Sequence[Entry]) -> dict[str, object]:
    """The statement's parameters: columns, an array each."""
    packed = [(entry, pack(entry.ended)) for entry in entries]
    segments = [(entry.parcel, segment) for entry, segments in packed for segment in segments]
    manners = [manner for entry, segments in packed for manner in _bind_manners(entry, segments)]
    return {
        "parcel_ids": [entry.parcel.parcel_id for entry in entries],
        "epochs": [entry.parcel.epoch for entry in entries],
        "ends": [entry.ends for entry in entries],
        "segment_parcel_ids": [parcel.parcel_id for parcel, _ in segments],
        "segment_epochs": [parcel.epoch for parcel, _ in segments],
        "platforms": [segment.platform for _, segment in segments],
        "knots": [find_knot(segment.first_uid, segment.last_uid) for _, segment in segments],
        "first_uids": [segment.first_uid for _, segment in segments],
        "last_uids": [segment.last_uid for _, segment in segments],
        "uids": [segment.uids for _, segment in segments],
        "codes": [segment.codes for _, segment in segments],
        "kinds": [_write_kinds(segment) for _, segment in segments],
        "manner_parcel_ids": [manner[0] for manner in manners],
        "manner_epochs": [manner[1] for manner in manners],
        "manner_platforms": [manner[2] for manner in manners],
        "outcomes": [manner[3] for manner in manners],
        "reasons": [manner[4] for manner in manners],
        "counts": [manner[5] for manner in manners],
        "manner_uids": [manner[6] for manner in manners],
        "told": sorted(TOLD),
        "leased": ParcelState.LEASED,
        "notifications": NOTIFICATIONS,
    }


def _bind_manners(entry: Entry, segments: Sequence[Segment]) -> Iterator[tuple[Any, ...]]:
    # Where all of a platform ended alike, its segment has them packed already.
    alike = {segment.platform: segment.uids for segment in segments if not segment.codes}
    for manner, uids in entry.ended.items():
        packed = alike.get(manner[0]) or pack_uids(sorted(uids))
        yield *entry.parcel.key, *manner, len(uids), packed


def _write_kinds(segment: Segment) -> str:
    kinds = [[kind.outcome, kind.reason, kind.count] for kind in segment.kinds]
    return msgspec.json.encode(kinds).decode()
