"""Who may ask a gateway now, who waits, and who is turned away?"""

import asyncio
import math
from datetime import timedelta

import pytest

from services.dispatch.domain.circuits import Cause, Opening
from services.dispatch.gateways.verdicts import Accepted, Later, Misconfigured, Trouble
from services.dispatch.pacing.breaker import SHORT_SECONDS, VENDOR
from services.dispatch.pacing.limiter import Limiter
from services.dispatch.pacing.line import Turn
from services.dispatch.pacing.pace import SLOW_SECONDS, STAY_SECONDS, Pace
from services.dispatch.pacing.quota import Quota
from tests.dispatch.clocks import Clock

URGENT: Turn = (False, 0)
PATIENT: Turn = (True, 0)
LATER: Turn = (True, 1)


def make(limit: int, quota: Quota | None = None, clock: Clock | None = None) -> Pace:
    return Pace(VENDOR, Limiter(limit), quota, (clock or Clock()).monotonic)


async def settle() -> None:
    """Let everybody who can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_as_many_as_the_limit_allows_and_the_next_when_one_leaves() -> None:
    pace, inside = make(2), []
    waiting = [asyncio.create_task(pace.enter(1, PATIENT)) for _ in range(3)]
    await settle()
    inside.append([task.done() for task in waiting])
    pace.leave(Accepted(), 0.0)
    await settle()
    inside.append([task.done() for task in waiting])

    assert inside == [[True, True, False], [True, True, True]]


async def test_an_urgent_one_overtakes_those_who_wait() -> None:
    pace = make(1)
    await pace.enter(1, PATIENT)
    patient = asyncio.create_task(pace.enter(1, PATIENT))
    await settle()
    urgent = asyncio.create_task(pace.enter(1, URGENT))
    await settle()
    pace.leave(Accepted(), 0.0)
    await settle()

    assert (urgent.done(), patient.done()) == (True, False)
    patient.cancel()


async def test_an_open_circuit_turns_everybody_away_and_those_who_wait_too() -> None:
    pace = make(1)
    await pace.enter(1, PATIENT)
    waiting = asyncio.create_task(pace.enter(1, PATIENT))
    await settle()
    pace.shut()

    assert (await waiting).wait == math.inf
    assert (await pace.enter(1, URGENT)).wait == math.inf


async def test_a_refusal_of_the_credential_opens_it_once() -> None:
    pace = make(10)
    await pace.enter(1, PATIENT)
    await pace.enter(1, PATIENT)
    first = pace.leave(Misconfigured("BadTopic"), 0.0)
    pace.shut()
    second = pace.leave(Misconfigured("BadTopic"), 0.0)

    assert (first, second) == (Opening(Cause.MISCONFIGURED, "BadTopic"), None)
    assert pace.is_idle


async def test_a_probe_enters_although_it_is_open_and_a_good_one_lets_the_others_in() -> None:
    pace = make(1)
    pace.shut()
    pace.enter_as_probe()
    pace.leave(Accepted(), 0.0)
    pace.reopen()

    assert (await pace.enter(1, PATIENT)).places == 1


async def test_who_waits_in_vain_takes_no_place_with_them() -> None:
    pace = make(1)
    await pace.enter(1, PATIENT)
    gone, next_one = [asyncio.create_task(pace.enter(1, PATIENT)) for _ in range(2)]
    await settle()
    gone.cancel()
    await settle()
    pace.leave(Accepted(), 0.0)

    assert (await next_one).places == 1


async def test_who_is_woken_and_leaves_wakes_the_next() -> None:
    pace = make(1)
    await pace.enter(1, PATIENT)
    gone, next_one = [asyncio.create_task(pace.enter(1, PATIENT)) for _ in range(2)]
    await settle()
    pace.leave(Accepted(), 0.0)
    gone.cancel()
    async with asyncio.timeout(5):
        assert (await next_one).places == 1


async def test_beyond_the_quota_it_says_how_long_to_stay_away() -> None:
    pace = make(100, Quota(12))
    assert (await pace.enter(1, PATIENT)).places == 1

    turned_away = await pace.enter(1, PATIENT)
    assert not turned_away.places
    assert turned_away.wait == pytest.approx(5.0)


async def test_a_short_retry_after_is_waited_for_in_place() -> None:
    pace = make(100)
    await pace.enter(1, PATIENT)
    opening = pace.leave(Later("429", 0.05, Trouble.THROTTLED), 0.0)
    entering = asyncio.create_task(pace.enter(1, PATIENT))
    await settle()
    during = entering.done()

    assert (opening, during) == (None, False)
    async with asyncio.timeout(5):
        assert (await entering).places == 1


async def test_who_enters_takes_all_the_places_that_there_are() -> None:
    pace = make(20)
    first = await pace.enter(15, PATIENT)
    second = await pace.enter(15, PATIENT)

    assert (first.places, second.places) == (15, 5)


async def test_who_began_earlier_gets_all_he_waits_for_before_the_next_gets_any() -> None:
    """Else each of many parcels would get a few places of every checkpoint, in a segment each."""
    pace = make(10)
    await pace.enter(10, PATIENT)
    later, earlier = [asyncio.create_task(pace.enter(10, turn)) for turn in (LATER, PATIENT)]
    await settle()
    pace.leave_well(10, 0.0)
    await settle()
    done = later.done()
    pace.leave_well(10, 0.0)

    assert ((await earlier).places, done, (await later).places) == (10, False, 10)


async def test_many_that_end_well_count_like_one_after_the_other() -> None:
    together, apart = make(100), make(100)
    for pace in (together, apart):
        await pace.enter(32, PATIENT)
    together.leave_well(32, 0.0)
    for _ in range(32):
        apart.leave(Accepted(), 0.0)

    assert together.limiter.limit == apart.limiter.limit
    assert together.is_idle
    assert apart.is_idle


async def test_a_slow_gateway_sends_away_whom_others_wait_for_each_to_a_later_turn() -> None:
    """Believed before: whoever begins a parcel stays until the gateway has room for all of it."""
    clock = Clock()
    pace = make(4, clock=clock)
    await pace.enter(4, PATIENT)
    clock.pass_by(timedelta(seconds=4))
    for _ in range(4):
        pace.leave(Accepted(), clock.monotonic() - 4)
    await pace.enter(4, PATIENT)
    over = clock.monotonic() - 1
    first = await pace.enter(400, PATIENT, until=over)
    second = await pace.enter(400, PATIENT, until=over)
    newcomer = await pace.enter(1, PATIENT, until=clock.monotonic() + STAY_SECONDS)
    urgent = await pace.enter(1, URGENT, until=over)

    assert (first.places, second.places, newcomer.places, urgent.places) == (0, 0, 0, 0)
    assert STAY_SECONDS < first.wait < second.wait <= newcomer.wait
    assert urgent.wait == SHORT_SECONDS


async def test_whoever_finds_room_takes_it_however_many_were_sent_away() -> None:
    clock = Clock()
    pace = make(1, clock=clock)
    await pace.enter(1, PATIENT)
    await pace.enter(1_000_001, PATIENT, until=clock.monotonic() - 1)
    pace.leave(Accepted(), clock.monotonic())

    assert (await pace.enter(1, PATIENT, until=clock.monotonic() + 1)).places == 1


@pytest.mark.parametrize("together", [True, False])
async def test_answers_that_take_too_long_make_it_ask_for_less_whatever_they_say(
    *, together: bool
) -> None:
    clock = Clock()
    pace = make(16, clock=clock)
    await pace.enter(16, PATIENT)
    start = clock.monotonic()
    clock.pass_by(timedelta(seconds=SLOW_SECONDS + 1))
    if together:
        pace.leave_well(16, start)
    else:
        for _ in range(16):
            pace.leave(Accepted(), start)

    assert pace.limiter.limit == 8
    assert pace.is_idle


async def test_who_withdraws_leaves_his_places_and_turns_to_others() -> None:
    quota, clock = Quota(60_000), Clock()
    quota.take(clock.monotonic(), math.inf)
    clock.pass_by(timedelta(minutes=1))
    pace = make(100, quota, clock)
    first = await pace.enter(10, PATIENT)
    pace.withdraw(first, first.places)
    second = await pace.enter(10, PATIENT)
    wait = quota.take(clock.monotonic(), math.inf)

    assert (first.places, second.places, pace.limiter.under_way) == (10, 10, 10)
    assert wait == pytest.approx(10 / 1000)


async def test_who_takes_few_now_is_sent_away_for_as_long_as_all_of_his_take() -> None:
    """Believed before: he takes as many as he asks for. The window has room for fewer."""
    clock = Clock()
    pace = make(10, clock=clock)
    pace.answer_seconds = 5.0
    few = await pace.enter(500, PATIENT, clock.monotonic(), most=3)
    await pace.enter(500, PATIENT, clock.monotonic(), most=7)
    clock.pass_by(timedelta(seconds=1))
    sent_away = await pace.enter(500, PATIENT, 0.0, most=3)

    assert (few.places, sent_away.places) == (3, 0)
    assert sent_away.wait == pytest.approx(500 * 5.0 / 10)
