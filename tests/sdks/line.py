"""A connection to the edge on which exactly those bytes are sent that an SDK sends."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contract.checker import checker

LIMIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Any = None,
        *,
        content: bytes | None = None,
    ) -> Answer:
        """Send `body` as JSON, or `content` as it is; the answer is held against the contract."""
        if content is None:
            content = b"" if body is None else json.dumps(body).encode()
        sent = {"Host": "push.example.com", **headers}
        if content:
            sent["Content-Length"] = str(len(content))
        head = [
            f"{method} {target} HTTP/1.1",
            *(f"{name}: {value}" for name, value in sent.items()),
        ]
        answer = await self.send("\r\n".join([*head, "", ""]).encode() + content)
        _hold_against_contract(method, target, answer)
        return answer

    async def send(self, raw: bytes) -> Answer:
        self._writer.write(raw)
        async with asyncio.timeout(LIMIT_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            pairs = [line.partition(": ") for line in lines]
            headers = httpx.Headers([(name, value) for name, _, value in pairs])
            content = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split(" ")[1]), headers, content)

    async def is_closed(self) -> bool:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self._reader.read(1) == b""


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def _hold_against_contract(method: str, target: str, answer: Answer) -> None:
    request = httpx.Request(method, f"https://push.example.com{target}")
    checker().judge(
        httpx.Response(
            answer.status, headers=answer.headers, content=answer.content, request=request
        )
    )
