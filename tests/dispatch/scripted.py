"""A wire whose other side answers by a script, for what the sandbox cannot be made to say."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from services.dispatch.wire import Answer, Ended, Pending, Request, WireError

Reply = Answer | WireError


class PostingWire(ABC):
    """A wire whose every request is a post."""

    @abstractmethod
    async def post(self, request: Request) -> Answer: ...

    def start(self, requests: Sequence[Request], ended: Ended) -> list[Pending]:
        """Call back with what each post gives; an error of the test ends the test."""

        async def ask(place: int, request: Request) -> None:
            try:
                outcome: Reply = await self.post(request)
            except WireError as error:
                outcome = error
            ended([(place, outcome)])

        return [_Task(asyncio.create_task(ask(*each))) for each in enumerate(requests)]


class _Task:
    def __init__(self, task: "asyncio.Task[None]") -> None:
        self._task = task

    def cancel(self) -> None:
        self._task.cancel()


class ScriptedWire(PostingWire):
    """Gives the replies in order, the last one for ever; keeps what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.asked: list[Request] = []

    async def post(self, request: Request) -> Answer:
        self.asked.append(request)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, WireError):
            raise reply
        return reply

    async def close(self) -> None:
        """There is nothing to close."""

    def headers(self, name: str) -> list[str]:
        return [dict(request.all_headers)[name] for request in self.asked]


class RoutingWire(PostingWire):
    """Answers by URL; what no route is for is an error of the test."""

    def __init__(self, routes: Iterable[tuple[str, Callable[[Request], Answer]]]) -> None:
        self._routes = tuple(routes)
        self.asked: list[str] = []

    async def post(self, request: Request) -> Answer:
        self.asked.append(request.url)
        for beginning, reply in self._routes:
            if request.url.startswith(beginning):
                return reply(request)
        raise AssertionError(request.url)

    async def close(self) -> None:
        """There is nothing to close."""
