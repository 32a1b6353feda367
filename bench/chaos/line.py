"""The line between the senders and the gateways: TCP passed on, until it is cut or goes dead."""

import asyncio
from contextlib import suppress

LOOPBACK = "127.0.0.1"
CHUNK = 65_536


class Line:
    """Listens at `port` and passes on to `target`. Whoever opens one closes it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.target: tuple[str, int] | None = None
        self._server: asyncio.Server | None = None
        self._calls: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._dead: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._take, LOOPBACK, self.port)

    async def cut(self, seconds: float) -> None:
        """End every connection at once, and refuse new ones for so long."""
        if self._server is not None:
            self._server.close()
        for writers in list(self._calls.values()):
            for writer in writers:
                writer.transport.abort()
        await asyncio.sleep(seconds)
        await self.open()

    def go_dead(self) -> None:
        """Pass nothing on over the connections that are open, which neither end is told of."""
        self._dead |= set(self._calls)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None and self.target is not None  # noqa: S101, PT018  set before anybody sends
        self._calls[call] = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
            self._calls[call].append(far_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(call, reader, far_writer))
                group.create_task(self._pass(call, far_reader, writer))
        except* (OSError, asyncio.CancelledError):
            # Streams complain of a call that is cancelled; only `close` does that.
            pass
        finally:
            for each in self._calls.pop(call):
                each.close()
            self._dead.discard(call)

    async def _pass(
        self, call: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(CHUNK):
            if call not in self._dead:
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.write_eof()
