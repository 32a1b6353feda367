"""Waiting for what other processes do: asked again and again, with a limit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT_SECONDS = 15.0
ASK_SECONDS = 0.02


async def until(
    ask: Callable[[], Awaitable[T]],
    is_good: Callable[[T], bool],
    *,
    limit: float = LIMIT_SECONDS,
) -> T:
    """The first good answer; what was answered last is told when there is none in time."""
    answer = await ask()
    deadline = asyncio.get_running_loop().time() + limit
    while not is_good(answer):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {limit:.0f} s; the last answer was {answer!r}")
        await asyncio.sleep(ASK_SECONDS)
        answer = await ask()
    return answer
