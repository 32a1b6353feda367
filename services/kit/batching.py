"""Gathers concurrent calls and answers them from one batch.

While a flush is under way the next batch collects itself: an idle process answers at once, a busy
one pays a transaction per batch instead of one per call.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context, copy_context
from typing import Generic, NamedTuple, TypeVar, cast

Q = TypeVar("Q")
A = TypeVar("A")


class _Waiting(NamedTuple, Generic[Q, A]):
    question: Q
    answer: asyncio.Future[A]
    context: Context


class Coalescer(Generic[Q, A]):
    """Answers each call with its part of `flush(questions)`, given in the order of the questions.

    An exception instance among the answers is raised to its caller alone; an exception from the
    flush itself is raised to every caller of that batch. A flush runs in the context of the first
    of its callers, and so belongs to that one's trace.

    A batch holds as many questions as come to `max_batch` by `weigh`; one that is heavier goes
    alone. Of several flushes each takes all that wait; `evenly`, no more than its part of all that
    are open. A flush that took all would leave the others none: whoever answers and whoever asks
    would by turns have nothing to do. But its part may be small, and a flush have its price.
    """

    def __init__(
        self,
        flush: Callable[[list[Q]], Awaitable[Sequence[A | Exception]]],
        *,
        max_batch: int = 500,
        max_flushes: int = 1,
        evenly: bool = False,
        weigh: Callable[[Q], int] | None = None,
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._max_flushes = max_flushes
        self._evenly = evenly
        self._weigh = weigh
        self._waiting: deque[_Waiting[Q, A]] = deque()
        # Questions that flushes are about.
        self._under_way = 0
        self._flushes: set[asyncio.Task[None]] = set()

    async def call(self, question: Q) -> A:
        answer = self._ask(question)
        self._begin()
        return await answer

    async def call_all(self, questions: Iterable[Q]) -> list[A | BaseException]:
        """Call with each of these; what one is refused stands in the place of its answer."""
        answers = [self._ask(question) for question in questions]
        self._begin()
        return await asyncio.gather(*answers, return_exceptions=True)

    async def close(self) -> None:
        """Wait until everybody is answered."""
        while self._flushes:
            await asyncio.gather(*self._flushes)

    def _ask(self, question: Q) -> asyncio.Future[A]:
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(question, answer, copy_context()))
        return answer

    def _begin(self) -> None:
        if self._waiting and len(self._flushes) < self._max_flushes:
            first = self._waiting[0].context
            self._flushes.add(asyncio.create_task(self._run(), context=first))

    async def _run(self) -> None:
        """Answer one batch, and see to it that the next one is."""
        batch = self._take()
        # What it has left is another's.
        self._begin()
        try:
            await self._answer(batch)
        finally:
            self._under_way -= len(batch)
            # Here, not once the task is found done: who was just answered may call before that.
            self._flushes.discard(cast(asyncio.Task[None], asyncio.current_task()))
            self._begin()

    def _take(self) -> list[_Waiting[Q, A]]:
        batch: list[_Waiting[Q, A]] = []
        weight, share = 0, self._share()
        while self._waiting and len(batch) < share:
            weight += self._weigh(self._waiting[0].question) if self._weigh else 1
            if batch and weight > self._max_batch:
                break
            batch.append(self._waiting.popleft())
        self._under_way += len(batch)
        return batch

    def _share(self) -> int:
        """How many questions one flush takes at most."""
        if not self._evenly:
            return len(self._waiting)
        return -(-(len(self._waiting) + self._under_way) // self._max_flushes)

    async def _answer(self, batch: list[_Waiting[Q, A]]) -> None:
        try:
            answers = await self._flush([each.question for each in batch])
        except Exception as error:  # noqa: BLE001  each caller gets it, and decides
            answers = [error] * len(batch)
        for (_, future, _), answer in zip(batch, answers, strict=True):
            if future.done():  # its caller has gone
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
