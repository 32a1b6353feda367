"""What is left when the disk is full, a clock jumps, or a gateway never answers?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.acceptance import Acceptance
from services.dispatch.domain.content import Content
from services.dispatch.domain.credentials import GatewayKind
from services.dispatch.domain.faults import RequestIdReused
from services.dispatch.domain.messages import Message, Platform, Submission
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.planner import Planner
from services.dispatch.store import days, intake, requests, tables
from services.dispatch.wire import Unanswered
from services.kit.database import is_outage
from tests.dispatch.makers import APP, EVERYONE, a_message, a_submission, to_devices, to_platforms
from tests.dispatch.station import OK, apns_key, now, phones, working
from tests.house.waiting import until

DAY = timedelta(days=1)
KEPT = {GatewayKind.APNS: apns_key()}
IPHONES = to_platforms(Platform.IOS)
SENT = (Outcome.SENT, "")
NOBODY: Any = None


def ignore() -> None: ...


@asynccontextmanager
async def full_disk(db: AsyncEngine, *names: str) -> AsyncIterator[None]:
    """PostgreSQL refuses to write into these tables, as it does when a disk is full."""
    async with db.begin() as tx:
        await tx.execute(
            sa.text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
            )
        )
        for name in names:
            await tx.execute(
                sa.text(
                    f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {name} "
                    "FOR EACH ROW EXECUTE FUNCTION refuse()"
                )
            )
    try:
        yield
    finally:
        async with db.begin() as tx:
            # A table before its partitions, as whoever writes locks them.
            await tx.execute(sa.text(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE"))
            await tx.execute(sa.text("DROP FUNCTION refuse CASCADE"))


async def stored(db: AsyncEngine) -> list[int]:
    """How many rows stand in the tables that a send writes to."""
    counted = []
    async with db.connect() as tx:
        for table in (tables.messages, tables.parcels, tables.plans, tables.requests):
            query = sa.select(sa.func.count()).select_from(table)
            counted.append(int((await tx.execute(query)).scalar_one()))
    return counted


async def test_a_sender_keeps_what_it_knows_until_the_disk_has_room(
    dispatch_db: AsyncEngine,
) -> None:
    async with working(dispatch_db, phones(400), lambda _: OK, KEPT) as station:
        async with full_disk(dispatch_db, "ledger"):
            message = await station.send(IPHONES)
            # As many as may be unrecorded, and then no more.
            await until(station.begun, lambda begun: begun == 250)
            during = await station.outcomes(message)
        after = await station.ended(message, 400)

    assert during == {}
    assert after == dict.fromkeys(range(1, 401), SENT)
    assert len(station.wire.asked) == 400


@pytest.mark.parametrize("table", ["messages", "parcels", "requests", "shares"])
async def test_what_cannot_be_written_is_refused_as_a_whole(
    dispatch_db: AsyncEngine, table: str
) -> None:
    """As an outage: 503, and a repeat under the same key may succeed."""
    acceptance = Acceptance(dispatch_db, now, ring_plans=ignore, ring_parcels=ignore)
    asked = [a_submission(to_devices("phone"))]
    async with full_disk(dispatch_db, table):
        for keyed in (True, False):
            # Who brings no key writes down none.
            if table == "requests" and not keyed:
                continue
            with pytest.raises((DBAPIError, asyncpg.PostgresError)) as refused:
                await (once(acceptance, "key", asked) if keyed else acceptance.accept(asked))
            assert is_outage(refused.value)
        assert await stored(dispatch_db) == [0, 0, 0, 0]
    await once(acceptance, "key", asked)
    assert await stored(dispatch_db) == [1, 1, 0, 1]


def once(acceptance: Acceptance, key: str, asked: Sequence[Submission]) -> Any:
    return acceptance.accept_once(APP, key, key.encode().ljust(32), asked)


async def test_a_repeat_waits_for_the_first_and_gets_its_answer(dispatch_db: AsyncEngine) -> None:
    """However many come at once."""
    acceptance = Acceptance(dispatch_db, now, ring_plans=ignore, ring_parcels=ignore)
    asked = [a_submission(to_devices("phone"))]
    answers: list[list[Message]] = await asyncio.gather(
        *(once(acceptance, "key", asked) for _ in range(8))
    )

    assert len({answer[0].message_id for answer in answers}) == 1
    assert await stored(dispatch_db) == [1, 1, 0, 1]


async def test_a_key_stands_for_one_body_for_a_day(dispatch_db: AsyncEngine) -> None:
    clock = [now()]
    acceptance = Acceptance(dispatch_db, lambda: clock[0], ring_plans=ignore, ring_parcels=ignore)
    asked = [a_submission(to_devices("phone"))]
    [first] = await once(acceptance, "key", asked)
    clock[0] += DAY - timedelta(seconds=1)
    [same] = await once(acceptance, "key", asked)
    with pytest.raises(RequestIdReused):
        await acceptance.accept_once(APP, "key", b"another body".ljust(32), asked)
    clock[0] += timedelta(seconds=2)
    [next_day] = await once(acceptance, "key", asked)
    async with dispatch_db.begin() as tx:
        forgotten = await requests.forget_expired(tx, clock[0])

    assert same.message_id == first.message_id != next_day.message_id
    assert forgotten == 0


@pytest.mark.parametrize("jump", [30 * DAY, -30 * DAY])
async def test_a_message_is_sent_and_on_record_whatever_the_clock_of_who_took_it_says(
    dispatch_db: AsyncEngine, jump: timedelta
) -> None:
    """Believed before: its day is always one that the keeper has opened."""
    async with working(dispatch_db, phones(3), lambda _: OK, KEPT, patience=60 * DAY) as station:
        acceptance = Acceptance(
            dispatch_db, lambda: now() + jump, ring_plans=ignore, ring_parcels=ignore
        )
        patient = a_submission(to_devices("phone"), Content("Hi"))
        [message] = await acceptance.accept([patient])
        station.sender.bell.ring()
        outcomes = await station.ended(message, 3)

    past = jump < timedelta() and message.time_to_live(Platform.IOS) < -jump
    assert outcomes == dict.fromkeys((1, 2, 3), (Outcome.EXPIRED, "") if past else SENT)


async def test_a_keeper_whose_clock_jumps_ahead_forgets_nothing(dispatch_db: AsyncEngine) -> None:
    def next_year() -> Any:
        return now() + 365 * DAY

    message = a_message(EVERYONE, now=now())
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, message.day, 1)
        await intake.accept(tx, [message])
        await requests.claim(tx, APP, "key", b"x".ljust(32), [message.message_id], now())
    planner = Planner(
        dispatch_db, NOBODY, next_year, ring_parcels=ignore, retention=90 * DAY, lease_time=DAY
    )
    await planner.keep_house()

    assert await stored(dispatch_db) == [1, 0, 1, 1]
    async with dispatch_db.connect() as tx:
        assert await days.are_open(tx, message.day)


async def test_who_is_never_answered_is_asked_until_his_time_is_over(
    dispatch_db: AsyncEngine,
) -> None:
    patience = timedelta(seconds=2)
    silent = Unanswered("timed out")
    async with working(
        dispatch_db, phones(1), lambda _: silent, KEPT, patience=patience
    ) as station:
        message = await station.send(to_devices("phone"))

        async def look() -> dict[int, tuple[Outcome, str]]:
            await station.pass_time(tables.parcels, "due_time")
            await station.wake()
            return await station.outcomes(message)

        outcomes = await until(look, bool)

    assert outcomes[1][0] is Outcome.EXPIRED
    assert len(station.wire.asked) >= 1


async def test_a_message_that_cannot_be_read_stops_no_other(dispatch_db: AsyncEngine) -> None:
    """Those that are leased together are read together."""
    spoilt, sound = [a_message(to_devices("phone"), now=now()) for _ in range(2)]
    table = tables.messages
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, sound.day, 1)
        await intake.accept(tx, [spoilt, sound])
        its_row = table.c.message_id == spoilt.message_id
        await tx.execute(sa.update(table).where(its_row).values(content={"alert": 7}))
    async with working(dispatch_db, phones(1), lambda _: OK, KEPT) as station:
        assert await station.ended(sound, 1) == {1: SENT}
