"""Is an outcome recorded twice when a checkpoint is committed and its answer never comes?

It was believed that a checkpoint which fails was not written: its repeat recorded everybody again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import AddressReport, Finding, Outcome, by_manner
from services.dispatch.domain.parcels import Parcel
from services.dispatch.domain.segments import unpack
from services.dispatch.recorder import Recorder
from services.dispatch.store import counts, days, ledger
from services.dispatch.store.tables import address_reports, parcels
from tests.conftest import NOON
from tests.dispatch.makers import APP, a_message, lease_new, sent
from tests.house.waiting import until
from tests.postgres_line import behind_a_line

MESSAGE = a_message(now=NOON)
# What PostgreSQL says when the checkpoint of one parcel has ended well: by itself, or with more.
DONE = {True: b"SELECT 1\x00", False: b"COMMIT\x00"}
WINDOW, BULK = 250, (True, 0)


async def lease(db: AsyncEngine) -> Parcel:
    async with db.begin() as tx:
        await days.open_days(tx, NOON.date(), 1)
        (parcel,) = await lease_new(tx, MESSAGE)
    return parcel


def found_dead(uid: int) -> AddressReport:
    return AddressReport(APP, uid, Platform.IOS, b"d" * 32, NOON, Finding.DEAD)


async def recorded(db: AsyncEngine) -> list[int]:
    async with db.connect() as tx:
        read = await ledger.read(tx, MESSAGE, None, backward=False, limit=100)
    return [result.uid for _, segment, _ in read for result in unpack(segment)]


def room_of(recorder: Recorder) -> Callable[[], Awaitable[int]]:
    async def room() -> int:
        return recorder.room

    return room


@pytest.mark.parametrize("is_plain", [True, False])
async def test_everybody_stands_in_the_ledger_once(
    dispatch_db: AsyncEngine, dispatch_url: str, *, is_plain: bool
) -> None:
    parcel = await lease(dispatch_db)
    async with behind_a_line(dispatch_url) as (db, line):
        recorder = Recorder(db, WINDOW, ring_outbox=lambda: None)
        running = asyncio.create_task(recorder.run())
        # The first prepares the statement. What of the second is lost is its answer alone.
        for uids, lost in (((1, 2), b""), ((3, 4), DONE[is_plain]), ((5,), b"")):
            line.loses_next = lost
            await recorder.reserve(len(uids), BULK)
            if not is_plain:
                recorder.report(parcel, found_dead(uids[0]))
            for manner, those in by_manner(sent(*uids)).items():
                recorder.add(parcel, manner, those)
            await until(room_of(recorder), lambda room: room == WINDOW)
        await recorder.finish(parcel, [])
        running.cancel()
    async with dispatch_db.connect() as tx:
        left = list((await tx.execute(sa.select(parcels.c.parcel_id))).scalars())
        counted = await counts.outcomes_of(tx, APP, NOON.date())
        reports = list((await tx.execute(sa.select(address_reports.c.uid))).scalars())

    assert line.lost == 1
    assert await recorded(dispatch_db) == [1, 2, 3, 4, 5]
    assert [(each.outcome, each.count) for each in counted] == [(Outcome.SENT, 5)]
    assert sorted(reports) == ([] if is_plain else [1, 3, 5])
    assert left == []
