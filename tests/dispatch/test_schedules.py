"""Is a scheduled message sent at its time, and never before it or when its time is over?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1 import message_pb2
from carillon.dispatch.v1 import message_service_pb2 as pb
from carillon.dispatch.v1.content_pb2 import Content as ContentPb
from carillon.type.v1.target_pb2 import NameList
from carillon.type.v1.target_pb2 import Target as TargetPb
from services.dispatch.acceptance import Acceptance
from services.dispatch.api.message_service import MessageServicer
from services.dispatch.domain.content import AppleOptions, Content
from services.dispatch.domain.credentials import GatewayKind
from services.dispatch.domain.messages import Message, Platform, Status, Target
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.parcels import Lane
from services.dispatch.domain.schedules import HORIZON, Schedule
from services.dispatch.gateways.limits import SizeLimits
from services.dispatch.halting import Halting
from services.dispatch.receiving import Receiving
from services.dispatch.store import days, halts, intake, messages, parcels, plans, tables
from services.kit.faults import FieldInvalid
from tests.conftest import NOON
from tests.dispatch.makers import APP, EVERYONE, a_message, a_submission, to_devices, to_platforms
from tests.dispatch.station import OK, apns_key, now, phones, working
from tests.dispatch.test_channels import NOBODY

LEASE = timedelta(seconds=30)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SMALL = to_devices("phone")


def scheduled(target: Target, start: datetime, end: datetime | None = None) -> Message:
    submission = replace(a_submission(target), schedule=Schedule(start, end))
    return submission.accepted(start - DAY)


async def accept(db: AsyncEngine, message: Message) -> Message:
    async with db.begin() as tx:
        await intake.accept(tx, [message])
    return message


async def read(db: AsyncEngine, message: Message) -> Message:
    async with db.connect() as tx:
        found = await messages.get(tx, message.app_id, message.message_id)
    assert found is not None
    return found


async def begin(db: AsyncEngine) -> tuple[int, int]:
    """How many small ones are begun, and how many parcels can be leased then."""
    async with db.begin() as tx:
        begun = await intake.begin_small(tx, 10)
        return begun, len(await parcels.lease(tx, Lane.EXPRESS, 10, LEASE))


async def let_time_pass(db: AsyncEngine) -> None:
    """By the database's clock, which alone decides."""
    async with db.begin() as tx:
        await tx.execute(sa.update(tables.plans).values(due_time=sa.func.now()))


async def test_a_small_one_becomes_its_parcel_at_its_time(dispatch_db: AsyncEngine) -> None:
    message = await accept(dispatch_db, scheduled(SMALL, now() + HOUR))
    early, status = await begin(dispatch_db), (await read(dispatch_db, message)).status
    await let_time_pass(dispatch_db)
    at_its_time = await begin(dispatch_db)

    assert (early, status) == ((0, 0), Status.SCHEDULED)
    assert at_its_time == (1, 1)
    assert (await read(dispatch_db, message)).status is Status.DISPATCHING


async def test_any_other_is_cut_at_its_time(dispatch_db: AsyncEngine) -> None:
    message = await accept(dispatch_db, scheduled(EVERYONE, now() + HOUR))
    async with dispatch_db.begin() as tx:
        assert await plans.lease(tx, LEASE) is None
    await let_time_pass(dispatch_db)
    assert await begin(dispatch_db) == (0, 0)
    async with dispatch_db.begin() as tx:
        plan = await plans.lease(tx, LEASE)

    assert plan is not None
    assert plan.message_id == message.message_id


@pytest.mark.parametrize("target", [SMALL, EVERYONE])
async def test_one_that_is_cancelled_before_is_never_begun(
    dispatch_db: AsyncEngine, target: Target
) -> None:
    message = await accept(dispatch_db, scheduled(target, now() + HOUR))
    async with dispatch_db.begin() as tx:
        await halts.cancel(tx, message, now())
    await let_time_pass(dispatch_db)

    assert await begin(dispatch_db) == (0, 0)
    async with dispatch_db.begin() as tx:
        assert await plans.lease(tx, LEASE) is None
    assert (await read(dispatch_db, message)).status is Status.CANCELLED


async def test_one_that_is_paused_and_resumed_keeps_its_time(dispatch_db: AsyncEngine) -> None:
    message = await accept(dispatch_db, scheduled(SMALL, now() + HOUR))
    async with dispatch_db.begin() as tx:
        await halts.pause(tx, message, message.deadline(DAY))
        await halts.resume(tx, message)
        due = (await tx.execute(sa.select(tables.plans.c.due_time))).scalar_one()

    assert due == message.start_time
    assert await begin(dispatch_db) == (0, 0)


async def test_its_outcomes_stand_under_the_day_on_which_it_starts(
    dispatch_db: AsyncEngine,
) -> None:
    start = NOON + 5 * DAY
    message = await accept(dispatch_db, scheduled(SMALL, start))
    await let_time_pass(dispatch_db)
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, start.date(), 1)
        await intake.begin_small(tx, 1)
        [parcel] = await parcels.lease(tx, Lane.EXPRESS, 1, LEASE)

    assert parcel.first_time.date() == message.day == start.date()
    async with dispatch_db.begin() as tx:
        assert await messages.forget(tx, start, 10) == 0
        assert await messages.forget(tx, start + DAY, 10) == 1


async def test_who_was_not_sent_to_by_its_end_is_expired(dispatch_db: AsyncEngine) -> None:
    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(3), lambda _: OK, kept) as station:
        past = Schedule(None, now() - timedelta(seconds=1))
        message = await station.send(
            to_platforms(Platform.IOS), create_time=now() - HOUR, schedule=past
        )
        outcomes = await station.ended(message, 3)

    assert outcomes == dict.fromkeys((1, 2, 3), (Outcome.EXPIRED, ""))
    assert station.wire.asked == []


@given(
    asked=some.none() | some.integers(0, 2_419_200),
    lives=some.integers(1, 10_000_000),
    waits=some.integers(0, 30_000_000),
    late=some.integers(-1000, 3_000_000),
)
def test_no_gateway_keeps_it_beyond_its_end(
    asked: int | None, lives: int, waits: int, late: int
) -> None:
    start = NOON + timedelta(seconds=waits)
    schedule = Schedule(start, start + timedelta(seconds=lives))
    content = Content("Hi", apple=AppleOptions(time_to_live=asked))
    message = replace(a_message(content=content), schedule=schedule)
    sent_at = start + timedelta(seconds=late)
    kept = message.remaining_seconds(Platform.IOS, sent_at)

    assert message.expire_time(Platform.IOS) <= start + timedelta(seconds=lives)
    assert message.expire_time(Platform.IOS) <= start + timedelta(seconds=2_419_200)
    assert 0 <= kept <= max(lives - max(late, 0), 0)
    if asked is not None:
        assert message.time_to_live(Platform.IOS).total_seconds() == min(asked, lives)


# What comes in.


@pytest.fixture
def servicer(dispatch_db: AsyncEngine) -> MessageServicer:
    def ignore() -> None: ...

    rings: dict[str, Callable[[], None]] = {"ring_plans": ignore, "ring_parcels": ignore}
    return MessageServicer(
        dispatch_db,
        Acceptance(dispatch_db, lambda: CLOCK[0], **rings),
        Receiving(dispatch_db, NOBODY, now, ring_outbox=ignore),
        Halting(dispatch_db, now, DAY, ring_halts=ignore, **rings),
        NOBODY,
        SizeLimits(),
        lambda: CLOCK[0],
    )


CLOCK = [NOON]
CONTEXT: Any = None


@pytest.fixture(autouse=True)
def _noon() -> None:
    CLOCK[0] = NOON


def asked(
    start: datetime | None = None, end: datetime | None = None, request_id: str = ""
) -> pb.SendMessageRequest:
    message = message_pb2.Message(
        content=ContentPb(alert="Hi"), target=TargetPb(device_ids=NameList(names=["phone"]))
    )
    if start:
        message.start_time.FromDatetime(start)
    if end:
        message.expire_time.FromDatetime(end)
    return pb.SendMessageRequest(app_id=str(APP), message=message, request_id=request_id)


async def send(servicer: MessageServicer, request: pb.SendMessageRequest) -> message_pb2.Message:
    answer = await servicer.SendMessage(request, CONTEXT)
    return answer.message


async def test_the_answer_tells_its_times_and_that_it_waits(servicer: MessageServicer) -> None:
    message = await send(servicer, asked(NOON + HOUR, NOON + 2 * HOUR))

    assert message.status == message_pb2.MESSAGE_STATUS_SCHEDULED
    assert message.start_time.ToDatetime(UTC) == NOON + HOUR
    assert message.expire_time.ToDatetime(UTC) == NOON + 2 * HOUR


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (NOON - DAY, None, "message.start_time"),
        (NOON, None, "message.start_time"),
        (NOON + HORIZON + HOUR, None, "message.start_time"),
        (None, NOON, "message.expire_time"),
        (None, NOON - HOUR, "message.expire_time"),
        (None, NOON + HORIZON + HOUR, "message.expire_time"),
        (NOON + HOUR, NOON + HOUR, "message.expire_time"),
        (NOON + 2 * HOUR, NOON + HOUR, "message.expire_time"),
    ],
)
async def test_times_that_are_past_contradictory_or_too_far_are_refused(
    servicer: MessageServicer,
    dispatch_db: AsyncEngine,
    start: datetime | None,
    end: datetime | None,
    field: str,
) -> None:
    for request_id in ("", "once"):
        with pytest.raises(FieldInvalid) as refused:
            await send(servicer, asked(start, end, request_id))
        assert refused.value.violations[0][0] == field
    async with dispatch_db.connect() as tx:
        for table in (tables.messages, tables.plans, tables.requests):
            stored = sa.select(sa.func.count()).select_from(table)
            assert (await tx.execute(stored)).scalar_one() == 0


async def test_a_time_beyond_all_calendars_is_refused(servicer: MessageServicer) -> None:
    request = asked()
    request.message.start_time.CopyFrom(Timestamp(seconds=10**15))
    with pytest.raises(FieldInvalid):
        await send(servicer, request)


async def test_of_many_the_wrong_one_is_named(servicer: MessageServicer) -> None:
    batch = pb.BatchSendMessagesRequest(app_id=str(APP), messages=[asked(), asked(NOON - HOUR)])
    for one in batch.messages:
        one.app_id = ""
    with pytest.raises(FieldInvalid) as refused:
        await servicer.BatchSendMessages(batch, CONTEXT)

    assert refused.value.violations[0][0] == "messages[1].message.start_time"


async def test_a_repeat_is_answered_as_the_first_time_though_its_time_has_passed(
    servicer: MessageServicer,
) -> None:
    request = asked(NOON + HOUR, NOON + 2 * HOUR, request_id="once")
    first = await send(servicer, request)
    CLOCK[0] = NOON + 3 * HOUR
    second = await send(servicer, request)

    assert second.message_id == first.message_id
