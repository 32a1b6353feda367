"""Who is served at a gate, and who waits until he is?"""

import asyncio

import pytest

from services.dispatch.pacing.places import Places
from tests.dispatch.pacing.test_pace import settle


async def serve(counter: Places, number: int, served: list[int]) -> None:
    await counter.take(1, (True, number))
    served.append(number)


@pytest.fixture
async def taken() -> Places:
    """One that somebody has taken."""
    counter = Places(1)
    await counter.take(1, (True, 0))
    return counter


async def test_one_is_served_at_a_time_in_the_order_of_their_turns(taken: Places) -> None:
    served: list[int] = []
    waiting = [asyncio.create_task(serve(taken, number, served)) for number in (3, 1, 2)]
    await settle()
    seen = [list(served)]
    for _ in waiting:
        taken.give_back(1)
        await settle()
        seen.append(list(served))

    assert seen == [[], [1], [1, 2], [1, 2, 3]]


async def test_it_is_idle_once_all_have_left(taken: Places) -> None:
    waiting = asyncio.create_task(serve(taken, 1, []))
    await settle()
    seen = [taken.is_idle]
    taken.give_back(1)
    await waiting
    seen.append(taken.is_idle)
    taken.give_back(1)

    assert (*seen, taken.is_idle) == (False, False, True)


async def test_who_goes_although_it_was_his_turn_lets_the_next_one_in(taken: Places) -> None:
    served: list[int] = []
    gone, _ = [asyncio.create_task(serve(taken, number, served)) for number in (1, 2)]
    await settle()
    taken.give_back(1)
    gone.cancel()
    await settle()

    assert served == [2]


async def test_who_goes_before_it_was_his_turn_takes_it_from_nobody(taken: Places) -> None:
    served: list[int] = []
    gone, _ = [asyncio.create_task(serve(taken, number, served)) for number in (1, 2)]
    await settle()
    gone.cancel()
    await settle()
    seen = list(served)
    taken.give_back(1)
    await settle()

    assert (seen, served) == ([], [2])
