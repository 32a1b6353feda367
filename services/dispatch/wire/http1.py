"""An HTTP/1.1 connection, for those who offer no HTTP/2: one exchange at a time, kept alive."""

import asyncio
import ssl
from collections import deque
from typing import cast

import httptools

from services.dispatch.wire import Answer, Request, Unanswered, Unsent, WireError
from services.dispatch.wire.exchange import MAX_BODY_BYTES, Exchange
from services.dispatch.wire.heads import MAX_HEADER_BYTES
from services.dispatch.wire.http2 import Owner

FINAL = 200


class Http1Connection(asyncio.Protocol):
    """Once a request is written, no failure is known to have come before it was read."""

    is_shared = False

    def __init__(self, owner: Owner, authority: str) -> None:
        self._owner = owner
        self._authority = authority
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._exchange: Exchange | None = None
        self._is_closing = False
        self._heard = False
        self._last_busy = self._loop.time()
        self._reading = _Reading()

    # For its owner.

    @property
    def room(self) -> int:
        return 0 if self._is_closing or self._exchange is not None else 1

    @property
    def is_settled(self) -> bool:
        return True

    @property
    def idle_since(self) -> float | None:
        return None if self._exchange is not None else self._last_busy

    def take(self, waiting: deque[Exchange]) -> None:
        while waiting and self.room:
            exchange = waiting.popleft()
            if not exchange.is_over:
                self._start(exchange)

    def cancel(self, exchange: Exchange) -> None:
        if self._exchange is exchange:
            self._exchange = None
            self.abort()

    def sweep(self, now: float) -> None:
        if self._exchange is not None:
            self._last_busy = now
            if self._exchange.deadline <= now:
                self._finish(Unanswered("deadline"), keep=False)

    def close(self) -> None:
        self._finish(Unanswered("closed"), keep=False)

    def abort(self) -> None:
        self._is_closing = True
        self._transport.abort()

    # For its transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._exchange is None:
            # Nobody asked: whatever this answers, it is not what is asked next.
            self.abort()
            return
        reading = self._reading
        try:
            reading.feed(data)
        except (httptools.HttpParserError, OverflowError):
            self._finish(Unanswered("protocol: malformed HTTP/1.1"), keep=False)
            return
        if reading.is_whole:
            self._finish(reading.answer(), keep=reading.keeps_alive)

    def eof_received(self) -> None:
        if self._exchange is not None and self._reading.ends_with_connection:
            self._finish(self._reading.answer(), keep=False)

    def connection_lost(self, exc: Exception | None) -> None:
        refused = isinstance(exc, ssl.SSLError) and not self._heard
        error = Unsent("TLS: refused") if refused else Unanswered("connection lost")
        if exc is None and self._exchange is not None and self._reading.ends_with_connection:
            self._finish(self._reading.answer(), keep=False)
        else:
            self._finish(error, keep=False)
        self._owner.forget(self)

    # For itself.

    def _start(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.attempts += 1
        exchange.carrier = self
        self._reading = _Reading()
        self._transport.write(self._write_head(exchange.request) + exchange.request.body)

    def _finish(self, outcome: Answer | WireError, *, keep: bool) -> None:
        exchange, self._exchange = self._exchange, None
        self._last_busy = self._loop.time()
        if not keep:
            self._is_closing = True
            self._owner.lose(self)
            self._transport.close()
        if exchange is not None:
            exchange.end(outcome)
        if keep:
            self._owner.refill(self)

    def _write_head(self, request: Request) -> bytes:
        lines = [f"POST {request.path} HTTP/1.1", f"host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in request.all_headers]
        lines.append(f"content-length: {len(request.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Reading:
    """One answer as it comes in: what the parser calls."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._head_bytes = self._unread_bytes = 0
        self._in_head = True
        self._headers: dict[str, str] = {}
        self._status = 0
        self._body = bytearray()
        self.is_whole = False
        self.keeps_alive = False

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)
        if self._in_head:
            # One header may go on and on.
            self._unread_bytes += len(data)
            if self._unread_bytes > MAX_HEADER_BYTES:
                raise httptools.HttpParserError("headers without end")

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing else tells where its body ends."""
        unbounded = not {"content-length", "transfer-encoding"} & self._headers.keys()
        return self._status >= FINAL and not self._in_head and unbounded

    def answer(self) -> Answer:
        return Answer(self._status, self._headers, bytes(self._body))

    # The parser's words.

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise httptools.HttpParserError("an answer that nobody asked for")
        self._in_head = True
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEADER_BYTES:
            raise httptools.HttpParserError("headers without end")
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._status = self._parser.get_status_code()

    def on_body(self, piece: bytes) -> None:
        self._body += piece[: MAX_BODY_BYTES - len(self._body)]
        if len(self._body) == MAX_BODY_BYTES:
            # The rest is not read, so nothing can follow it on this connection.
            self.is_whole = True

    def on_message_complete(self) -> None:
        if self._status >= FINAL:
            self.keeps_alive = not self.is_whole and self._parser.should_keep_alive()
            self.is_whole = True
