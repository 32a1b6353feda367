"""Who is served at a gate, and who waits until he is?"""

import asyncio

import pytest

from services.dispatch.pacing.counter import Counter
from tests.dispatch.pacing.test_pace import settle


async def serve(counter: Counter, number: int, served: list[int]) -> None:
    await counter.take((True, number))
    served.append(number)


@pytest.fixture
async def taken() -> Counter:
    """One that somebody has taken."""
    counter = Counter()
    await counter.take((True, 0))
    return counter


async def test_one_is_served_at_a_time_in_the_order_of_their_turns(taken: Counter) -> None:
    served: list[int] = []
    waiting = [asyncio.create_task(serve(taken, number, served)) for number in (3, 1, 2)]
    await settle()
    seen = [list(served)]
    for _ in waiting:
        taken.leave()
        await settle()
        seen.append(list(served))

    assert seen == [[], [1], [1, 2], [1, 2, 3]]


async def test_it_is_free_once_all_have_left(taken: Counter) -> None:
    waiting = asyncio.create_task(serve(taken, 1, []))
    await settle()
    seen = [taken.is_free]
    taken.leave()
    await waiting
    seen.append(taken.is_free)
    taken.leave()

    assert (*seen, taken.is_free) == (False, False, True)


async def test_who_goes_although_it_was_his_turn_lets_the_next_one_in(taken: Counter) -> None:
    served: list[int] = []
    gone, _ = [asyncio.create_task(serve(taken, number, served)) for number in (1, 2)]
    await settle()
    taken.leave()
    gone.cancel()
    await settle()

    assert served == [2]


async def test_who_goes_before_it_was_his_turn_takes_it_from_nobody(taken: Counter) -> None:
    served: list[int] = []
    gone, _ = [asyncio.create_task(serve(taken, number, served)) for number in (1, 2)]
    await settle()
    gone.cancel()
    await settle()
    seen = list(served)
    taken.leave()
    await settle()

    assert (seen, served) == ([], [2])
