"""A receiver of webhooks: speaks HTTP/1.1, keeps what it was told, answers what a test says."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

LIMIT_SECONDS = 20.0


@dataclass(frozen=True)
class Call:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def type(self) -> str:
        return str(self.body["type"])


class Listener:
    """`answers` are the next heads of answers for a path; without one it is 204."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.answers: dict[str, list[str]] = {}
        self.silent: set[str] = set()
        self._heard = asyncio.Condition()
        self._end = asyncio.Event()

    async def until(self, count: int, path: str = "") -> list[Call]:
        """The calls of `path`, or all, once there are so many."""

        def here() -> list[Call]:
            return [call for call in self.calls if path in {"", call.path}]

        async with asyncio.timeout(LIMIT_SECONDS), self._heard:
            await self._heard.wait_for(lambda: len(here()) >= count)
        return here()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")[:-2]
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines)
                }
                raw = await reader.readexactly(int(headers["content-length"]))
                call = Call(first.split()[1], headers, raw)
                async with self._heard:
                    self.calls.append(call)
                    self._heard.notify_all()
                if call.path in self.silent:
                    await self._end.wait()
                    break
                waiting = self.answers.get(call.path)
                answer = waiting.pop(0) if waiting else "204 No Content"
                writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        self._end.set()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    listener.url = f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield listener
    finally:
        server.close()
        listener.close()
