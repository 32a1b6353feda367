"""Calls of one kind that are made at the same time share one; each asks its part of a list."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from opentelemetry import context
from opentelemetry.context import Context

from services.kit.batching import Coalescer

K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")

# As many as a room takes in one call, and as many calls as may be under way.
MAX_SHARED = 32
MAX_CALLS = 2


class Sharing(Generic[K, Q, A]):
    """Answers each question with its part of `ask(kind, questions)`, which gives them in order.

    A failure is that of all who shared the call. It is traced as part of the first one's work.
    """

    def __init__(
        self,
        ask: Callable[[K, Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        max_calls: int = MAX_CALLS,
    ) -> None:
        self._ask = ask
        self._calls: Coalescer[tuple[K, Q, Context], A] = Coalescer(
            self._ask_all, max_batch=MAX_SHARED, max_flushes=max_calls
        )

    async def ask(self, kind: K, question: Q) -> A:
        return await self._calls.call((kind, question, context.get_current()))

    async def _ask_all(self, asked: list[tuple[K, Q, Context]]) -> list[A | Exception]:
        kinds: dict[K, list[int]] = {}
        for number, (kind, _, _) in enumerate(asked):
            kinds.setdefault(kind, []).append(number)
        answers: dict[int, A | Exception] = {}
        for numbers, found in zip(
            kinds.values(),
            await asyncio.gather(
                *(self._ask_one(kind, [asked[n] for n in ns]) for kind, ns in kinds.items())
            ),
            strict=True,
        ):
            answers |= zip(numbers, found, strict=True)
        return [answers[number] for number in range(len(asked))]

    async def _ask_one(
        self, kind: K, asked: Sequence[tuple[K, Q, Context]]
    ) -> Sequence[A | Exception]:
        token = context.attach(asked[0][2])
        try:
            return await self._ask(kind, [question for _, question, _ in asked])
        except Exception as error:  # noqa: BLE001  each caller gets it, and decides
            return [error] * len(asked)
        finally:
            context.detach(token)
