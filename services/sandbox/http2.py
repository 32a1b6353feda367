"""An HTTP/2 server over TLS with one seam: a request goes in, an answer comes out.

It is written on h2 and not on a web server, because the faults that a sender must survive
(a connection that drops once the request was read, a GOAWAY) lie below what those can express.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, cast

import structlog
from cryptography import x509
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame
from OpenSSL import SSL

from services.sandbox.exchange import (
    Answerer,
    FallSilent,
    HangUp,
    Request,
    Response,
    TurnAway,
    WantHttp1,
)
from services.sandbox.http1 import Http1Connection
from services.sandbox.tls import TlsProtocol

log = structlog.get_logger()

MAX_CONCURRENT_STREAMS = 1000
MAX_HEADER_LIST_SIZE = 65536
# No gateway takes a body near this; what is beyond is read and dropped, and the body that remains
# is still too large for each of them.
MAX_BODY_SIZE = 65536
CONNECTION_WINDOW = 1 << 20
DEFAULT_WINDOW = 65535
# How long a stopping server waits for answers in progress.
GRACE_SECONDS = 3.0


class _Incoming:
    """A request of which more is to come."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.headers = headers
        self.body = bytearray()

    def append(self, piece: bytes) -> None:
        self.body += piece[: MAX_BODY_SIZE + 1 - len(self.body)]

    def whole(self, connection: int, client: x509.Certificate | None) -> Request:
        headers: dict[str, tuple[str, ...]] = {}
        for raw_name, raw_value in self.headers:
            name = raw_name.decode("latin-1")
            headers[name] = (*headers.get(name, ()), raw_value.decode("latin-1"))
        return Request(
            method=headers.pop(":method", ("",))[0],
            path=headers.pop(":path", ("",))[0],
            authority=headers.pop(":authority", headers.get("host", ("",)))[0],
            headers=headers,
            body=bytes(self.body),
            connection=connection,
            client=client,
        )


class Connection(asyncio.Protocol):
    """One client. Frames of a turn of the loop leave in one write."""

    def __init__(self, number: int, answer: Answerer, connections: set[Any]) -> None:
        self._number = number
        self._answer = answer
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._h2 = _h2_connection()
        self._incoming: dict[int, _Incoming] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._unsent: dict[int, bytes] = {}
        self._last_stream = 0
        self._flush_planned = False
        self._may_write = True
        self._leaving = False
        self._silent = False
        self._client: x509.Certificate | None = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        if _chosen_protocol(transport) != "h2":
            self._transport.abort()
            return
        self._client = transport.get_extra_info("client_certificate")
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW - DEFAULT_WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except ProtocolError:
            # h2 has put the GOAWAY that says so among the frames to send.
            self._flush()
            self._transport.close()
            return
        self._plan_flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        for task in self._tasks.values():
            task.cancel()
        self._connections.discard(self)
        self.closed.set()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._plan_flush()

    def leave(self, reason: str) -> None:
        """Take no further streams; close when those in progress are answered."""
        if self._silent:
            self.abort()
        if not (self._leaving or self._transport.is_closing()):
            self._say_goaway(reason, self._last_stream)

    def abort(self) -> None:
        self._transport.abort()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=stream_id, headers=headers):
                self._begin(stream_id, headers)
            case DataReceived(stream_id=stream_id):
                if incoming := self._incoming.get(stream_id):
                    incoming.append(event.data)
                self._h2.acknowledge_received_data(event.flow_controlled_length, stream_id)
            case StreamEnded(stream_id=stream_id):
                if incoming := self._incoming.pop(stream_id, None):
                    self._start(stream_id, incoming.whole(self._number, self._client))
            case StreamReset(stream_id=stream_id):
                self._forget(stream_id)
            case WindowUpdated() | RemoteSettingsChanged():
                for stream_id in list(self._unsent):
                    self._send_body(stream_id)
            case ConnectionTerminated():
                # h2 lets nothing follow the client's GOAWAY either.
                self._transport.close()

    def _begin(self, stream_id: int, headers: list[tuple[bytes, bytes]]) -> None:
        if self._leaving:
            self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        self._last_stream = stream_id
        self._incoming[stream_id] = _Incoming(headers)

    def _start(self, stream_id: int, request: Request) -> None:
        self._tasks[stream_id] = self._loop.create_task(self._serve(stream_id, request))

    def _forget(self, stream_id: int) -> None:
        self._incoming.pop(stream_id, None)
        self._unsent.pop(stream_id, None)
        if task := self._tasks.pop(stream_id, None):
            task.cancel()

    async def _serve(self, stream_id: int, request: Request) -> None:
        try:
            answer = await self._answer(request)
        except Exception:
            log.exception("request failed", method=request.method)
            answer = Response(500)
        self._tasks.pop(stream_id, None)
        if self._transport.is_closing():
            return
        match answer:
            case Response():
                self._respond(stream_id, answer)
            case HangUp():
                self._transport.abort()
            case TurnAway(reason):
                self._turn_away(stream_id, reason)
            case WantHttp1():
                self._h2.reset_stream(stream_id, ErrorCodes.HTTP_1_1_REQUIRED)
            case FallSilent(is_deaf):
                self._silent = True
                if is_deaf:
                    self._transport.pause_reading()
        self._plan_flush()

    def _turn_away(self, stream_id: int, reason: str) -> None:
        # A stream above the last one named was not processed; one below has to be told so.
        if stream_id == self._last_stream and not self._leaving:
            self._say_goaway(reason, max(0, stream_id - 2))
            return
        self.leave(reason)
        self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)

    def _say_goaway(self, reason: str, last_stream: int) -> None:
        self._flush()
        self._leaving = True
        # Not through h2, which lets nothing follow its own GOAWAY, not even answers.
        farewell = GoAwayFrame(
            stream_id=0,
            last_stream_id=last_stream,
            error_code=int(ErrorCodes.NO_ERROR),
            additional_data=json.dumps({"reason": reason}).encode(),
        )
        self._transport.write(farewell.serialize())
        self._plan_flush()

    def _respond(self, stream_id: int, response: Response) -> None:
        if response.settings:
            self._h2.update_settings(dict(response.settings))
        headers = [
            (":status", str(response.status)),
            ("content-length", str(len(response.body))),
            *response.headers.items(),
        ]
        self._h2.send_headers(stream_id, headers, end_stream=not response.body)
        if response.body:
            self._unsent[stream_id] = response.body
            self._send_body(stream_id)

    def _send_body(self, stream_id: int) -> None:
        """Send what the client's window has room for; the rest follows when it opens."""
        body = self._unsent[stream_id]
        while body:
            window = self._h2.local_flow_control_window(stream_id)
            room = min(window, self._h2.max_outbound_frame_size)
            if room <= 0:
                self._unsent[stream_id] = body
                return
            piece, body = body[:room], body[room:]
            self._h2.send_data(stream_id, piece, end_stream=not body)
        del self._unsent[stream_id]

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        if not self._may_write or self._silent or self._transport.is_closing():
            return
        if frames := self._h2.data_to_send():
            self._transport.write(frames)
        if self._leaving and not (self._tasks or self._incoming or self._unsent):
            self._transport.close()


def _chosen_protocol(transport: asyncio.BaseTransport) -> str | None:
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    chosen: str | None = tls.selected_alpn_protocol() if tls else transport.get_extra_info("alpn")
    return chosen


def _h2_connection() -> H2Connection:
    connection = H2Connection(
        # Headers stay bytes: a client may send any. Ours need no second look.
        H2Configuration(
            client_side=False,
            header_encoding=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
    )
    settings: dict[Any, int] = {
        SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CONCURRENT_STREAMS,
        SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_SIZE,
    }
    connection.local_settings = Settings(client=False, initial_values=settings)
    return connection


@asynccontextmanager
async def serving(
    answer: Answerer, listener: socket.socket, tls: ssl.SSLContext | SSL.Context
) -> AsyncIterator[None]:
    """Serve on a bound socket, and end every connection in order on leaving."""
    numbers = count(1)
    connections: set[Connection | Http1Connection] = set()

    def choose(protocol: str) -> Connection | Http1Connection:
        kind = Connection if protocol == "h2" else Http1Connection
        return kind(next(numbers), answer, connections)

    def connect() -> asyncio.Protocol:
        return TlsProtocol(tls, choose) if isinstance(tls, SSL.Context) else choose("h2")

    server = await asyncio.get_running_loop().create_server(
        connect, sock=listener, ssl=tls if isinstance(tls, ssl.SSLContext) else None
    )
    try:
        yield
    finally:
        server.close()
        await _end(connections)


async def _end(connections: set[Connection | Http1Connection]) -> None:
    remaining = list(connections)
    for connection in remaining:
        connection.leave("Shutdown")
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            for connection in remaining:
                await connection.closed.wait()
    except TimeoutError:
        for connection in remaining:
            connection.abort()
