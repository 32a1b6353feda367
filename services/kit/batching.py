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


class _Group(NamedTuple, Generic[Q, A]):
    """What was asked together: in one batch, and told together."""

    questions: list[Q]
    answers: asyncio.Future[list[A | Exception]]
    context: Context


class Coalescer(Generic[Q, A]):
    """Answers each call with its part of `flush(questions)`, given in the order of the questions.

    An exception instance among the answers is raised to its caller alone; an exception from the
    flush itself is raised to every caller of that batch. A flush runs in the context of the first
    of its callers, and so belongs to that one's trace.

    A batch holds as many questions as come to `max_batch` by `weigh`; what is heavier, or asked
    together, goes alone. Of several flushes each takes all that wait; `evenly`, about its part of
    all that are open. A flush that took all would leave the others none: whoever answers and
    whoever asks would by turns have nothing to do. But its part may be small, and a flush have its
    price.
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
        self._waiting: deque[_Group[Q, A]] = deque()
        # Questions that wait, and those that flushes are about.
        self._asked = 0
        self._under_way = 0
        self._flushes: set[asyncio.Task[None]] = set()

    async def call(self, question: Q) -> A:
        [answer] = await self._ask([question])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def call_all(self, questions: Iterable[Q]) -> list[A | Exception]:
        """Call with each of these; what one is refused stands in the place of its answer.

        They go in one batch, whatever its limit.
        """
        asked = list(questions)
        if not asked:
            return []
        try:
            return await self._ask(asked)
        except Exception as error:  # noqa: BLE001  the flush's: it is what each is refused
            return [error] * len(asked)

    async def close(self) -> None:
        """Wait until everybody is answered."""
        while self._flushes:
            await asyncio.gather(*self._flushes)

    def _ask(self, questions: list[Q]) -> asyncio.Future[list[A | Exception]]:
        answers: asyncio.Future[list[A | Exception]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Group(questions, answers, copy_context()))
        self._asked += len(questions)
        self._begin()
        return answers

    def _begin(self) -> None:
        if self._waiting and len(self._flushes) < self._max_flushes:
            first = self._waiting[0].context
            self._flushes.add(asyncio.create_task(self._run(), context=first))

    async def _run(self) -> None:
        """Answer one batch, and see to it that the next one is."""
        groups, asked = self._take()
        self._under_way += asked
        # What it has left is another's.
        self._begin()
        try:
            if groups:  # else another flush has taken all
                await self._answer(groups)
        finally:
            self._under_way -= asked
            # Here, not once the task is found done: who was just answered may call before that.
            self._flushes.discard(cast(asyncio.Task[None], asyncio.current_task()))
            self._begin()

    def _take(self) -> tuple[list[_Group[Q, A]], int]:
        """The groups of one batch, and how many questions they ask."""
        groups: list[_Group[Q, A]] = []
        taken, weight, share = 0, 0, self._share()
        while self._waiting and taken < share:
            questions = self._waiting[0].questions
            weight += sum(map(self._weigh, questions)) if self._weigh else len(questions)
            if groups and weight > self._max_batch:
                break
            groups.append(self._waiting.popleft())
            taken += len(questions)
        self._asked -= taken
        return groups, taken

    def _share(self) -> int:
        """With how many questions one flush has enough."""
        if not self._evenly:
            return self._asked
        return -(-(self._asked + self._under_way) // self._max_flushes)

    async def _answer(self, groups: list[_Group[Q, A]]) -> None:
        asked = [question for group in groups for question in group.questions]
        try:
            answers = list(await self._flush(asked))
        except Exception as error:  # noqa: BLE001  each caller gets it, and decides
            for group in groups:
                if not group.answers.done():
                    group.answers.set_exception(error)
            return
        except BaseException:
            # Cancelled: nobody may wait for ever for what will not come.
            for group in groups:
                group.answers.cancel()
            raise
        told = 0
        for questions, future, _ in groups:
            its_own = answers[told : told + len(questions)]
            told += len(questions)
            if not future.done():  # else its caller has gone
                future.set_result(its_own)
