"""Do calls that are made at the same time share one, kind by kind, and fail apart?"""

import asyncio
from collections.abc import Sequence

import pytest

from services.kit.sharing import MAX_SHARED, Sharing


class Room:
    """Doubles numbers for one kind at a time; the kind `bad` it refuses."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.may_answer = asyncio.Event()

    async def ask(self, kind: str, numbers: Sequence[int]) -> list[int]:
        self.calls.append((kind, list(numbers)))
        await self.may_answer.wait()
        if kind == "bad":
            raise LookupError(kind)
        return [2 * number for number in numbers]


@pytest.fixture
def room() -> Room:
    return Room()


async def test_each_gets_the_answer_to_its_own_question(room: Room) -> None:
    sharing: Sharing[str, int, int] = Sharing(room.ask)
    room.may_answer.set()
    asked = [sharing.ask("odd" if number % 2 else "even", number) for number in range(100)]

    assert await asyncio.gather(*asked) == [2 * number for number in range(100)]
    assert len(room.calls) < 100


async def test_who_waits_goes_along_in_one_call(room: Room) -> None:
    sharing: Sharing[str, int, int] = Sharing(room.ask, max_calls=1)
    first = asyncio.create_task(sharing.ask("a", 0))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(sharing.ask("a", n)) for n in range(1, MAX_SHARED + 3)]
    await asyncio.sleep(0)
    room.may_answer.set()
    await asyncio.gather(first, *waiting)

    assert [len(numbers) for _, numbers in room.calls] == [1, MAX_SHARED, 2]


async def test_what_fails_for_one_kind_fails_for_no_other(room: Room) -> None:
    sharing: Sharing[str, int, int] = Sharing(room.ask)
    room.may_answer.set()
    good, bad = await asyncio.gather(
        sharing.ask("good", 1), sharing.ask("bad", 1), return_exceptions=True
    )

    assert good == 2
    assert isinstance(bad, LookupError)
