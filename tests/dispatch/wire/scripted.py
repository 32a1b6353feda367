"""A strict server on a socket whose answers a test decides one by one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from tests.dispatch.wire.peer import Peer

LIMIT_SECONDS = 10


class Talk(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: "ScriptedServer") -> None:
        self.peer = Peer()
        self._server = server
        self._transport: asyncio.Transport
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.talks.append(self)
        self.peer.settings(self._server.settings)
        self._server.note()

    def data_received(self, data: bytes) -> None:
        if self._server.is_deaf:
            return
        self.peer.feed(data)
        self._server.react(self)
        self.flush()
        self._server.note()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        self.is_lost = True
        self._server.note()

    def flush(self) -> None:
        if self.is_lost:
            return
        self._transport.write(bytes(self.peer.out))
        self.peer.out.clear()

    def answer(self, stream_id: int, status: int = 200) -> None:
        path = self.peer.streams[stream_id].path
        self.peer.head(stream_id, [(":status", str(status)), ("x-path", path)], ends=True)
        self.flush()

    def abort(self) -> None:
        self._transport.abort()

    @property
    def asked(self) -> list[int]:
        """Streams whose request is whole and unanswered."""
        return [n for n, s in self.peer.streams.items() if s.asked and not s.answered]


class ScriptedServer:
    """By default it only listens. `react` is called after each piece that was read."""

    def __init__(self, settings: dict[int, int] | None = None) -> None:
        self.settings = settings or {}
        self.talks: list[Talk] = []
        self.is_deaf = False
        self.react: Callable[[Talk], None] = lambda _: None
        self._changed = asyncio.Event()

    def note(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Talk(self), "127.0.0.1", 0)
        try:
            yield f"http://localhost:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for talk in self.talks:
                talk.abort()


def answer_all(talk: Talk) -> None:
    for stream_id in talk.asked:
        talk.answer(stream_id)
