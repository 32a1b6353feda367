"""A wire whose other side answers by a script, for what the sandbox cannot be made to say."""

from collections.abc import Callable, Iterable

from services.dispatch.wire import Answer, Request, WireError

Reply = Answer | WireError


class ScriptedWire:
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
        return [dict(request.headers)[name] for request in self.asked]


class RoutingWire:
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
