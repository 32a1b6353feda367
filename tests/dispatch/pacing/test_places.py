"""How many places may be taken at once, and who gets the next one?"""

import asyncio

from services.dispatch.pacing.line import Turn
from services.dispatch.pacing.places import Places

URGENT: Turn = (False, 0)
PATIENT: Turn = (True, 0)
LATER: Turn = (True, 1)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_there_are_places() -> None:
    window = Places(250)
    taken = [await window.take(200, PATIENT) for _ in range(2)]
    waiting = asyncio.create_task(window.take(200, PATIENT))
    await settle()
    is_waiting = not waiting.done()
    window.give_back(30)

    assert (taken, is_waiting, await waiting) == ([200, 50], True, 30)


async def test_an_urgent_one_overtakes_those_who_wait() -> None:
    window = Places(1)
    await window.take(1, PATIENT)
    patient = asyncio.create_task(window.take(1, PATIENT))
    await settle()
    urgent = asyncio.create_task(window.take(1, URGENT))
    await settle()
    window.give_back(1)
    await settle()

    assert (urgent.done(), patient.done()) == (True, False)
    patient.cancel()


async def test_who_leaves_although_it_was_his_turn_lets_the_next_one_in() -> None:
    window = Places(1)
    await window.take(1, PATIENT)
    gone, next_one = [asyncio.create_task(window.take(1, PATIENT)) for _ in range(2)]
    await settle()
    window.give_back(1)
    gone.cancel()
    async with asyncio.timeout(5):
        assert await next_one == 1


async def test_whose_turn_is_first_comes_first_although_he_comes_back() -> None:
    window = Places(10)
    await window.take(10, PATIENT)
    later = asyncio.create_task(window.take(10, LATER))
    await settle()
    first = asyncio.create_task(window.take(10, PATIENT))
    await settle()
    window.give_back(10)
    await settle()

    assert (first.done(), later.done()) == (True, False)
    later.cancel()


async def test_a_newcomer_does_not_take_the_place_of_who_was_told() -> None:
    window = Places(1)
    await window.take(1, PATIENT)
    told = asyncio.create_task(window.take(1, PATIENT))
    await settle()
    window.give_back(1)
    newcomer = asyncio.create_task(window.take(1, LATER))
    await settle()

    assert (told.done(), newcomer.done()) == (True, False)
    newcomer.cancel()


async def test_who_waits_for_room_takes_none_of_it() -> None:
    window = Places(10)
    await window.take(10, PATIENT)
    waiting = asyncio.create_task(window.wait(PATIENT))
    await settle()
    is_waiting = not waiting.done()
    window.give_back(7)

    assert (is_waiting, await waiting, window.room) == (True, 7, 7)


async def test_who_has_found_room_and_does_not_take_it_keeps_nobody_waiting() -> None:
    window = Places(1)
    await window.take(1, PATIENT)
    waiting = [asyncio.create_task(window.wait(turn)) for turn in (PATIENT, LATER)]
    await settle()
    window.give_back(1)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [1, 1]
