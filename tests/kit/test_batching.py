"""Do concurrent calls share their work, and does each get its own answer?"""

import asyncio
from contextvars import ContextVar

import pytest

from services.kit.batching import Coalescer


class Doubler:
    """Doubles numbers in batches, and refuses 1313; waits at a gate if it is closed."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def flush(self, numbers: list[int]) -> list[int | Exception]:
        self.batches.append(numbers)
        self.begun.set()
        await self.gate.wait()
        return [ValueError(number) if number == 1313 else 2 * number for number in numbers]


async def test_a_lone_call_is_answered_at_once() -> None:
    doubler = Doubler()

    assert await Coalescer(doubler.flush).call(4) == 8


async def test_calls_that_come_meanwhile_share_a_batch() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    calls = Coalescer(doubler.flush, max_flushes=1)
    first = asyncio.create_task(calls.call(0))
    await doubler.begun.wait()
    others = [asyncio.create_task(calls.call(number)) for number in range(1, 100)]
    await asyncio.sleep(0)
    doubler.gate.set()

    assert await asyncio.gather(first, *others) == [2 * number for number in range(100)]
    assert doubler.batches == [[0], list(range(1, 100))]


async def test_a_call_at_the_moment_of_an_answer_is_answered_too() -> None:
    """It was believed that a flush is over when its task is; the call between waited for ever."""
    calls = Coalescer(Doubler().flush)
    async with asyncio.timeout(5):
        answers = [await calls.call(number) for number in range(100)]

    assert answers == [2 * number for number in range(100)]


async def test_a_batch_has_its_limit() -> None:
    doubler = Doubler()
    calls = Coalescer(doubler.flush, max_batch=10, max_flushes=1)
    await asyncio.gather(*(calls.call(number) for number in range(25)))

    assert [len(batch) for batch in doubler.batches] == [10, 10, 5]


@pytest.mark.parametrize(("evenly", "shares"), [(True, [50, 50]), (False, [100])])
async def test_flushes_may_share_evenly_what_is_asked(*, evenly: bool, shares: list[int]) -> None:
    """One took all, and the other had nothing to do but what came in between."""
    doubler = Doubler()
    doubler.gate.clear()
    calls = Coalescer(doubler.flush, max_flushes=2, evenly=evenly)
    answers = asyncio.gather(*(calls.call(number) for number in range(100)))
    async with asyncio.timeout(5):
        while len(doubler.batches) < len(shares):  # noqa: ASYNC110  a turn of the loop each
            await asyncio.sleep(0)
    doubler.gate.set()

    assert await answers == [2 * number for number in range(100)]
    assert [len(batch) for batch in doubler.batches] == shares


async def test_one_refusal_is_one_callers_alone() -> None:
    calls = Coalescer(Doubler().flush)
    answers = await asyncio.gather(*map(calls.call, (1, 1313, 2)), return_exceptions=True)

    assert answers[0] == 2
    assert isinstance(answers[1], ValueError)
    assert answers[2] == 4


async def test_a_flush_that_fails_fails_everyone_in_it_and_nobody_later() -> None:
    failing = True

    async def flush(numbers: list[int]) -> list[int | Exception]:
        if failing:
            raise ConnectionError
        return list(numbers)

    calls = Coalescer(flush)
    answers = await asyncio.gather(*map(calls.call, (1, 2)), return_exceptions=True)
    failing = False

    assert all(isinstance(answer, ConnectionError) for answer in answers)
    assert await calls.call(3) == 3


async def test_a_caller_that_leaves_does_not_disturb_the_others() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    calls = Coalescer(doubler.flush)
    leaving, staying = (asyncio.create_task(calls.call(number)) for number in (1, 2))
    await doubler.begun.wait()
    leaving.cancel()
    doubler.gate.set()

    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_calls_made_together_are_answered_together_each_for_itself() -> None:
    doubler = Doubler()
    answers = await Coalescer(doubler.flush).call_all([1, 1313, 2])

    assert (answers[0], type(answers[1]), answers[2]) == (2, ValueError, 4)
    assert doubler.batches == [[1, 1313, 2]]


async def test_nobody_called_with_is_nobody_answered() -> None:
    doubler = Doubler()

    assert await Coalescer(doubler.flush).call_all([]) == []
    assert doubler.batches == []


async def test_a_batch_holds_what_it_can_carry_and_whoever_is_too_heavy_goes_alone() -> None:
    doubler = Doubler()
    calls = Coalescer(doubler.flush, max_batch=10, weigh=lambda number: number)
    await asyncio.gather(*map(calls.call, [4, 6, 1, 30, 5, 5]))

    assert doubler.batches == [[4, 6], [1], [30], [5, 5]]


async def test_what_is_asked_together_is_never_split() -> None:
    doubler = Doubler()
    calls = Coalescer(doubler.flush, max_batch=10)
    answers = await asyncio.gather(*map(calls.call_all, ([1, 2], range(9), range(11), [3])))

    assert answers == [[2, 4], [2 * n for n in range(9)], [2 * n for n in range(11)], [6]]
    assert doubler.batches == [[1, 2], list(range(9)), list(range(11)), [3]]


async def test_a_flush_that_fails_refuses_each_of_those_who_asked_together() -> None:
    async def flush(_: list[int]) -> list[int | Exception]:
        raise OSError("away")

    answers = await Coalescer(flush).call_all([1, 2])

    assert [str(answer) for answer in answers] == ["away", "away"]


async def test_a_batch_belongs_to_the_trace_of_its_first_caller() -> None:
    """It was believed to be the caller's of the batch before, who had been answered."""
    trace = ContextVar("trace", default="")
    doubler, seen = Doubler(), []

    async def flush(numbers: list[int]) -> list[int | Exception]:
        seen.append(trace.get())
        return await doubler.flush(numbers)

    async def call(name: str) -> int:
        trace.set(name)
        return await calls.call(1)

    doubler.gate.clear()
    calls = Coalescer(flush)
    first = asyncio.create_task(call("first"))
    await doubler.begun.wait()
    others = [asyncio.create_task(call(name)) for name in ("second", "third")]
    await asyncio.sleep(0)
    doubler.gate.set()
    await asyncio.gather(first, *others)

    assert seen == ["first", "second"]


async def test_closing_waits_for_those_who_wait() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    calls = Coalescer(doubler.flush, max_batch=1)
    asked = [asyncio.create_task(calls.call(number)) for number in range(3)]
    await doubler.begun.wait()
    closing = asyncio.create_task(calls.close())
    await asyncio.sleep(0)
    doubler.gate.set()
    await closing

    assert len(doubler.batches) == 3
    assert await asyncio.gather(*asked) == [0, 2, 4]


async def test_a_flush_that_is_cancelled_keeps_nobody_waiting() -> None:
    """It was believed that a flush ends by answers or by an error of its own."""

    async def flush(_numbers: list[int]) -> list[int | Exception]:
        raise asyncio.CancelledError

    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(Coalescer(flush).call(4))
