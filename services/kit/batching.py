"""Gathers concurrent calls and answers them from one batch.

While a flush is under way the next batch collects itself: an idle process answers at once, a busy
one pays a transaction per batch instead of one per call.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

Q = TypeVar("Q")
A = TypeVar("A")


class Coalescer(Generic[Q, A]):
    """Answers each call with its part of `flush(questions)`, given in the order of the questions.

    An exception instance among the answers is raised to its caller alone; an exception from the
    flush itself is raised to every caller of that batch.
    """

    def __init__(
        self,
        flush: Callable[[list[Q]], Awaitable[Sequence[A | Exception]]],
        *,
        max_batch: int = 500,
        max_flushes: int = 1,
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._max_flushes = max_flushes
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._flushes: set[asyncio.Task[None]] = set()

    async def call(self, question: Q) -> A:
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if len(self._flushes) < self._max_flushes:
            flush = asyncio.create_task(self._run())
            self._flushes.add(flush)
        return await future

    async def close(self) -> None:
        """Wait for the flushes under way."""
        await asyncio.gather(*self._flushes)

    async def _run(self) -> None:
        try:
            while self._waiting:
                size = min(len(self._waiting), self._max_batch)
                batch = [self._waiting.popleft() for _ in range(size)]
                await self._answer(batch)
        finally:
            # Here, not once the task is found done: who was just answered may call before that.
            self._flushes.discard(cast(asyncio.Task[None], asyncio.current_task()))

    async def _answer(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._flush([question for question, _ in batch])
        except Exception as error:  # noqa: BLE001  each caller gets it, and decides
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # its caller has gone
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
