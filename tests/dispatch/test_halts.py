"""What becomes of a message that is paused, resumed or cancelled under way?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.content import AppleOptions, Content
from services.dispatch.domain.credentials import GatewayKind
from services.dispatch.domain.faults import MessageEnded
from services.dispatch.domain.messages import Message, Platform, Status
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.parcels import Lane, ParcelState, Slice
from services.dispatch.halting import Halting
from services.dispatch.store import halts, intake, messages, parcels, plans
from services.dispatch.store.parcels import lease
from services.dispatch.wire import Unsent
from tests.conftest import NOON
from tests.dispatch.makers import APP, EVERYONE, a_message, to_devices, to_platforms
from tests.dispatch.station import OK, Station, apns_key, now, phones, working
from tests.house.waiting import until

LEASE = timedelta(seconds=30)
DAY = timedelta(days=1)
IPHONES = to_platforms(Platform.IOS)
LEASED, PAUSED = int(ParcelState.LEASED), int(ParcelState.PAUSED)
SENT = (Outcome.SENT, "")
KEPT = {GatewayKind.APNS: apns_key()}
Verb = Callable[[AsyncConnection, Message], Awaitable[Any]]


def ignore() -> None: ...


def halting(db: AsyncEngine, station: Station | None = None) -> Halting:
    return Halting(
        db,
        now,
        DAY,
        ring_halts=station.sender.halts_bell.ring if station else ignore,
        ring_plans=ignore,
        ring_parcels=station.sender.bell.ring if station else ignore,
    )


async def read(db: AsyncEngine, message: Message) -> Message:
    async with db.connect() as tx:
        found = await messages.get(tx, message.app_id, message.message_id)
    assert found is not None
    return found


async def accept(db: AsyncEngine, message: Message) -> Message:
    async with db.begin() as tx:
        await intake.accept(tx, [message])
    return message


async def settle(station: Station, wanted: Callable[[list[int]], bool]) -> None:
    """Wake what was given back until the parcels stand as wanted."""

    async def look() -> list[int]:
        await station.wake()
        return await station.states()

    await until(look, wanted)


@asynccontextmanager
async def half_way(
    db: AsyncEngine, change: Callable[[Halting], Callable[[Message], Awaitable[None]]]
) -> AsyncIterator[tuple[Station, Message]]:
    """400 phones, and a change while the first of them are asked for and not answered."""
    async with working(db, phones(400), lambda _: OK, KEPT) as station:
        station.wire.gate.clear()
        message = await station.send(IPHONES)
        await until(station.begun, bool)
        await change(halting(db, station))(message)
        # The senders look at it before the gateway answers, and so nobody is begun after it.
        await until(station.halted, bool)
        station.wire.gate.set()
        yield station, message


async def test_requests_under_way_end_and_the_rest_waits_until_it_is_resumed(
    dispatch_db: AsyncEngine,
) -> None:
    async with half_way(dispatch_db, lambda halt: halt.pause) as (station, message):
        await settle(station, lambda states: states == [PAUSED])
        begun, during = await station.begun(), await station.outcomes(message)
        is_paused = (await read(dispatch_db, message)).is_paused
        await halting(dispatch_db, station).resume(message)
        after = await station.ended(message, 400)

    assert is_paused
    assert 0 < begun < 400
    assert len(during) == begun
    assert after == dict.fromkeys(range(1, 401), SENT)
    assert len(station.wire.asked) == 400


async def test_of_a_cancelled_one_nothing_more_begins(dispatch_db: AsyncEngine) -> None:
    async with half_way(dispatch_db, lambda halt: halt.cancel) as (station, message):
        await settle(station, lambda states: states == [])
        begun, outcomes = await station.begun(), await station.outcomes(message)

    assert 0 < begun < 400
    assert len(outcomes) == begun
    assert outcomes == dict.fromkeys(outcomes, SENT)


async def test_what_is_parked_or_put_off_of_it_waits_too(dispatch_db: AsyncEngine) -> None:
    async with working(dispatch_db, phones(300), lambda _: Unsent("curl 7"), KEPT) as station:
        message = await station.send(IPHONES)
        await until(station.open_circuits, bool)
        await until(station.states, lambda states: states != [] and LEASED not in states)
        await halting(dispatch_db, station).pause(message)
        asked = len(station.wire.asked)
        await settle(station, lambda states: PAUSED in states)
        # What was put off is paused when its time comes.
        async with dispatch_db.begin() as tx:
            await tx.execute(sa.text("UPDATE parcels SET due_time = now() WHERE state = 3"))
        await settle(station, lambda states: set(states) == {PAUSED})

    assert len(station.wire.asked) == asked


@pytest.mark.parametrize(
    "content", [Content("Hi"), Content("Hi", apple=AppleOptions(time_to_live=0))]
)
async def test_its_time_goes_on_running(dispatch_db: AsyncEngine, content: Content) -> None:
    """What is for now or never is tried once, however late; but not when it was paused."""
    patience = timedelta(hours=1)
    async with working(dispatch_db, phones(2), lambda _: OK, KEPT, patience=patience) as station:
        station.sender.bell.ring()
        old = replace(
            a_message(IPHONES, content=content, now=now() - 2 * patience),
            status=Status.DISPATCHING,
        )
        async with dispatch_db.begin() as tx:
            await intake.accept(tx, [old])
            plan = await plans.lease(tx, LEASE)
            assert plan is not None
            await plans.end(tx, plan)
            whole = Slice(Platform.IOS, 0, 10, 2)
            await plans.add_parcels(tx, plan, Lane.BULK, [whole], old.create_time)
            await halts.pause(tx, old, old.deadline(patience))
        await station.wake()
        outcomes = await station.ended(old, 2)

    assert outcomes == dict.fromkeys((1, 2), (Outcome.EXPIRED, ""))
    assert station.wire.asked == []


async def test_a_small_one_is_paused_before_anybody_leases_it(dispatch_db: AsyncEngine) -> None:
    message = await accept(dispatch_db, a_message(to_devices("phone"), now=now()))
    await halting(dispatch_db).pause(message)
    async with dispatch_db.begin() as tx:
        assert await lease(tx, Lane.EXPRESS, 1, LEASE) == []
        assert await parcels.wake(tx, 10) == 0
    await halting(dispatch_db).resume(message)
    async with dispatch_db.begin() as tx:
        assert len(await lease(tx, Lane.EXPRESS, 1, LEASE)) == 1


async def test_its_target_is_cut_no_further_until_it_is_resumed(dispatch_db: AsyncEngine) -> None:
    message = await accept(dispatch_db, a_message(EVERYONE, now=now()))
    async with dispatch_db.begin() as tx:
        plan = await plans.lease(tx, LEASE)
        assert plan is not None
        assert await plans.go_on(tx, plan, "so far", LEASE)
    await halting(dispatch_db).pause(message)
    async with dispatch_db.begin() as tx:
        assert not await plans.go_on(tx, plan, "further", LEASE)
        assert await plans.lease(tx, LEASE) is None
    await halting(dispatch_db).resume(message)
    async with dispatch_db.begin() as tx:
        again = await plans.lease(tx, LEASE)

    assert again is not None
    assert again.resume_token == "so far"


async def test_both_may_be_repeated_and_resuming_what_runs_takes_it_from_nobody(
    dispatch_db: AsyncEngine,
) -> None:
    message = await accept(dispatch_db, a_message(EVERYONE, now=now()))
    for _ in range(2):
        await halting(dispatch_db).pause(message)
    assert (await read(dispatch_db, message)).is_paused
    await halting(dispatch_db).resume(message)
    async with dispatch_db.begin() as tx:
        plan = await plans.lease(tx, LEASE)
    await halting(dispatch_db).resume(message)
    async with dispatch_db.begin() as tx:
        assert plan is not None
        assert await plans.lease(tx, LEASE) is None
        assert await plans.end(tx, plan)
    assert not (await read(dispatch_db, message)).is_paused


async def test_one_that_has_ended_is_neither(dispatch_db: AsyncEngine) -> None:
    message = await accept(dispatch_db, a_message(EVERYONE))
    async with dispatch_db.begin() as tx:
        await messages.move(tx, message.app_id, message.message_id, Status.PROCESSING_FAILED, NOON)
    for change in (halting(dispatch_db).pause, halting(dispatch_db).resume):
        with pytest.raises(MessageEnded):
            await change(message)


async def test_what_is_resumed_while_a_recorder_pauses_it_is_not_forgotten(
    dispatch_db: AsyncEngine,
) -> None:
    message = await accept(dispatch_db, a_message(to_devices("phone"), now=now()))
    async with dispatch_db.begin() as tx:
        held = await lease(tx, Lane.EXPRESS, 1, LEASE)
    await halting(dispatch_db).pause(message)
    async with dispatch_db.begin() as recorder:
        await parcels.lock_held(recorder, held)
        assert await halts.hold_paused(recorder, {held[0].message_key}) == {held[0].message_key}
        resuming = asyncio.create_task(halting(dispatch_db).resume(message))
        await until(lambda: waiting_for_locks(dispatch_db), bool)
        await parcels.pause(recorder, held, DAY)
    await resuming
    async with dispatch_db.begin() as tx:
        assert len(await lease(tx, Lane.EXPRESS, 1, LEASE)) == 1


VERBS: dict[str, Verb] = {
    "pause": lambda tx, message: halts.pause(tx, message, NOON + DAY),
    "resume": halts.resume,
    "cancel": lambda tx, message: halts.cancel(tx, message, NOON),
    "cancel all": lambda tx, _: halts.cancel_all(tx, APP, NOON),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_the_planners_last_step_and_it_never_wait_for_each_other(
    dispatch_db: AsyncEngine, verb: str
) -> None:
    """Believed before: whoever cancels may lock the message first, and then its plan."""
    message = await accept(dispatch_db, a_message(EVERYONE, now=now()))
    async with dispatch_db.begin() as tx:
        plan = await plans.lease(tx, LEASE)
        assert plan is not None
        if verb == "resume":
            await tx.execute(sa.text("UPDATE messages SET pause_time = now()"))
    async with dispatch_db.begin() as planner:
        assert await plans.end(planner, plan)
        halt = asyncio.create_task(run(dispatch_db, VERBS[verb], message))
        await until(lambda: waiting_for_locks(dispatch_db), bool)
        assert await messages.move(planner, APP, message.message_id, Status.DISPATCHING)
    await halt


@pytest.mark.parametrize("verb", VERBS)
async def test_the_recorder_and_it_never_wait_for_each_other(
    dispatch_db: AsyncEngine, verb: str
) -> None:
    """Parcels that somebody has in hands are passed over: he may be waiting for the message."""
    message = await accept(dispatch_db, a_message(to_devices("phone"), now=now()))
    async with dispatch_db.begin() as recorder:
        # Leased and locked after the verb has looked at it: it still sees a ready one.
        await recorder.execute(sa.text("SELECT 1 FROM parcels FOR UPDATE"))
        halt = asyncio.create_task(run(dispatch_db, VERBS[verb], message))
        await asyncio.wait_for(halt, 5)
        await halts.hold_paused(recorder, {(APP, message.message_id)})


async def run(db: AsyncEngine, verb: Verb, message: Message) -> None:
    async with db.begin() as tx:
        await verb(tx, message)


async def waiting_for_locks(db: AsyncEngine) -> int:
    """How many of this database's sessions wait for another."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    async with db.connect() as tx:
        return int((await tx.execute(sa.text(query))).scalar_one())
