"""The gateways by HTTP/1.1, as all but Apple's have it too: one request at a time."""

import asyncio
from collections import deque
from typing import Any, cast

import httptools
import structlog
from cryptography import x509

from services.sandbox.exchange import Answerer, FallSilent, Request, Response

log = structlog.get_logger()

MAX_BODY_SIZE = 65536
# Of one client; what is beyond is not a sender's.
MAX_HEADERS = 100
MAX_PIPELINED = 100


class Http1Connection(asyncio.Protocol):
    """One client. What another protocol would refuse politely, this one ends without a word."""

    def __init__(self, number: int, answer: Answerer, connections: set[Any]) -> None:
        self._number = number
        self._answer = answer
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[str, tuple[str, ...]] = {}
        self._url = self._body = b""
        self._asked: deque[Request] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._leaving = self._silent = False
        self._client: x509.Certificate | None = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._client = transport.get_extra_info("client_certificate")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(Response(400))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        if self._serving is not None:
            self._serving.cancel()
        self._connections.discard(self)
        self.closed.set()

    def pause_writing(self) -> None:
        """Answers are small: what does not leave at once waits in the transport."""

    def resume_writing(self) -> None:
        """As above."""

    def leave(self, _reason: str) -> None:
        """Take no further requests; close when the one in progress is answered."""
        self._leaving = True
        if self._serving is None or self._silent:
            self._transport.abort()

    def abort(self) -> None:
        self._transport.abort()

    # The parser's words.

    def on_message_begin(self) -> None:
        self._headers, self._url, self._body = {}, b"", b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        self._headers[key] = (*self._headers.get(key, ()), value.decode("latin-1"))
        if len(self._headers) > MAX_HEADERS:
            raise httptools.HttpParserError("headers without end")

    def on_body(self, piece: bytes) -> None:
        self._body += piece[: MAX_BODY_SIZE + 1 - len(self._body)]

    def on_message_complete(self) -> None:
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.decode("latin-1"),
            authority=self._headers.get("host", ("",))[0],
            headers=self._headers,
            body=self._body,
            connection=self._number,
            client=self._client,
            is_http2=False,
        )
        if len(self._asked) >= MAX_PIPELINED:
            self._transport.abort()
            return
        self._asked.append(request)
        if self._serving is None:
            self._serving = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        """Answer what was asked, in order."""
        while self._asked and not self._transport.is_closing():
            try:
                answer = await self._answer(self._asked.popleft())
            except Exception:
                log.exception("request failed")
                answer = Response(500)
            match answer:
                case Response():
                    self._write(answer)
                case FallSilent(is_deaf):
                    self._silent = True
                    if is_deaf:
                        self._transport.pause_reading()
                    return
                case _:
                    self._transport.abort()
        self._serving = None
        if self._leaving:
            self._transport.close()

    def _write(self, response: Response) -> None:
        lines = [
            f"HTTP/1.1 {response.status} ",
            f"content-length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        self._transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
