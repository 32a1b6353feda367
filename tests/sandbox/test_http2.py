"""Does the server below the gateways keep to HTTP/2, whatever a client does?"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
)
from h2.settings import SettingCodes
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, RstStreamFrame

from services.sandbox import certificates, http2
from services.sandbox.certificates import Certificates
from services.sandbox.exchange import Answer, Answerer, HangUp, Request, Response, TurnAway
from services.sandbox.listeners import bound
from services.sandbox.settings import Listen

LIMIT_SECONDS = 10
Sought = TypeVar("Sought", bound=Event)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.obtain(tmp_path_factory.mktemp("tls"), "localhost", datetime.now(UTC))


class Client:
    """A client that shows every frame's meaning, by h2 alone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.events: list[Event] = []
        self.h2.initiate_connection()

    def post(self, path: str, body: bytes = b"", *, end: bool = True) -> int:
        stream = self.h2.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":path", path),
            (":scheme", "https"),
            (":authority", "localhost"),
        ]
        self.h2.send_headers(stream, headers, end_stream=end and not body)
        if body:
            self.h2.send_data(stream, body, end_stream=end)
        return stream

    async def seek(self, kind: type[Sought], stream: int | None = None) -> Sought:
        """Read until an event of the kind, of the stream, has come."""
        return await self.until(
            lambda event: (
                isinstance(event, kind)
                and (stream is None or getattr(event, "stream_id", None) == stream)
            )
        )

    async def until(self, wanted: Callable[[Event], bool]) -> Sought:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (found := [event for event in self.events if wanted(event)]):
                await self._read()
        return found[0]  # type: ignore[return-value]  # the predicate knows the type

    async def frames(self) -> list[Frame]:
        """All frames up to the end of the connection, as they stand on the wire.

        h2 would read none behind a GOAWAY.
        """
        self.flush()
        received = b""
        async with asyncio.timeout(LIMIT_SECONDS):
            try:
                while piece := await self._reader.read(65536):
                    received += piece
            except ConnectionError:
                pass
        return list(parse(received))

    async def _read(self) -> None:
        self.flush()
        received = await self._reader.read(65536)
        assert received, "the connection ended while more was expected"
        self.events += self.h2.receive_data(received)

    def flush(self) -> None:
        if frames := self.h2.data_to_send():
            self._writer.write(frames)

    def write(self, raw: bytes) -> None:
        self._writer.write(raw)

    def close(self) -> None:
        self._writer.transport.abort()

    def body(self, stream: int) -> bytes:
        return b"".join(
            event.data
            for event in self.events
            if isinstance(event, DataReceived) and event.stream_id == stream
        )


async def echo(request: Request) -> Answer:
    return Response(200, request.body, {"x-path": request.path})


def parse(received: bytes) -> Iterator[Frame]:
    view = memoryview(received)
    while view:
        frame, size = Frame.parse_frame_header(view[:9])
        frame.parse_body(view[9 : 9 + size])
        yield frame
        view = view[9 + size :]


async def connect(
    listener: socket.socket, issued: Certificates, tls: ssl.SSLContext | None = None
) -> Client:
    port = listener.getsockname()[1]
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls or issued.client_context(), server_hostname="localhost"
    )
    return Client(reader, writer)


@asynccontextmanager
async def connected(issued: Certificates, answer: Answerer = echo) -> AsyncIterator[Client]:
    with bound(Listen("127.0.0.1", 0)) as listener:
        async with http2.serving(answer, listener, issued.server_context()):
            client = await connect(listener, issued)
            try:
                yield client
            finally:
                client.close()


async def test_it_answers_what_it_was_asked(issued: Certificates) -> None:
    async with connected(issued) as client:
        stream = client.post("/a", b"hello")
        headers = dict((await client.seek(ResponseReceived, stream)).headers)
        await client.seek(StreamEnded, stream)

    assert (headers[b":status"], headers[b"x-path"]) == (b"200", b"/a")
    assert client.body(stream) == b"hello"


async def test_it_announces_a_thousand_streams_and_serves_them_at_once(
    issued: Certificates,
) -> None:
    gathered = asyncio.Barrier(1000)

    async def meet(request: Request) -> Answer:
        await gathered.wait()
        return Response(200, request.path.encode())

    async with connected(issued, meet) as client:
        settings = await client.seek(RemoteSettingsChanged)
        announced = settings.changed_settings[SettingCodes.MAX_CONCURRENT_STREAMS].new_value
        streams = [client.post(f"/{number}") for number in range(1000)]
        for stream in streams:
            await client.seek(StreamEnded, stream)

    assert announced == 1000
    assert [client.body(stream) for stream in streams] == [b"/%d" % n for n in range(1000)]


async def test_it_sends_no_more_than_the_clients_window_takes(issued: Certificates) -> None:
    async with connected(issued) as client:
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
        stream = client.post("/", b"x" * 25)
        await client.until(lambda _: len(client.body(stream)) == 10)
        assert not any(isinstance(event, StreamEnded) for event in client.events)
        client.h2.increment_flow_control_window(100, stream)
        await client.seek(StreamEnded, stream)

    assert client.body(stream) == b"x" * 25


async def test_its_own_window_opens_again_so_that_a_connection_never_starves(
    issued: Certificates,
) -> None:
    async with connected(issued) as client:
        body = b"x" * 16_000
        for _ in range(100):
            stream = client.post("/", body)
            await client.seek(StreamEnded, stream)
            size = len(client.body(stream))
            client.h2.acknowledge_received_data(size, stream)
            assert size == len(body)
            client.events.clear()

        assert client.h2.outbound_flow_control_window > 0


async def test_of_a_huge_body_it_keeps_only_the_beginning(issued: Certificates) -> None:
    async def measure(request: Request) -> Answer:
        return Response(200, b"%d" % len(request.body))

    async with connected(issued, measure) as client:
        stream = client.post("/", b"x" * 16_000, end=False)
        for _ in range(9):
            await client.until(lambda _: client.h2.local_flow_control_window(stream) >= 16_000)
            client.h2.send_data(stream, b"x" * 16_000)
        client.h2.end_stream(stream)
        await client.seek(StreamEnded, stream)

    assert client.body(stream) == b"%d" % (http2.MAX_BODY_SIZE + 1)


async def test_a_hang_up_ends_the_connection_without_an_answer(issued: Certificates) -> None:
    async def hang_up(_request: Request) -> Answer:
        return HangUp()

    async with connected(issued, hang_up) as client:
        client.post("/")
        frames = await client.frames()

    assert not any(isinstance(frame, HeadersFrame | GoAwayFrame) for frame in frames)


async def test_who_is_turned_away_knows_that_it_was_not_processed(issued: Certificates) -> None:
    release = asyncio.Event()

    async def answer(request: Request) -> Answer:
        if request.path == "/no":
            release.set()
            return TurnAway("Shutdown")
        await release.wait()
        return Response(204)

    async with connected(issued, answer) as client:
        earlier, refused = client.post("/yes"), client.post("/no")
        frames = await client.frames()
    farewell = next(frame for frame in frames if isinstance(frame, GoAwayFrame))
    answers = [frame.stream_id for frame in frames if isinstance(frame, HeadersFrame)]

    assert farewell.last_stream_id == earlier < refused
    assert farewell.error_code == ErrorCodes.NO_ERROR
    assert farewell.additional_data == b'{"reason": "Shutdown"}'
    assert answers == [earlier]


async def test_turned_away_while_later_ones_are_served_it_is_told_alone(
    issued: Certificates,
) -> None:
    later_asked = asyncio.Event()

    async def answer(request: Request) -> Answer:
        if request.path == "/no":
            await later_asked.wait()
            return TurnAway("Shutdown")
        later_asked.set()
        return Response(204)

    async with connected(issued, answer) as client:
        refused, later = client.post("/no"), client.post("/yes")
        frames = await client.frames()
    reset = next(frame for frame in frames if isinstance(frame, RstStreamFrame))
    farewell = next(frame for frame in frames if isinstance(frame, GoAwayFrame))

    assert (reset.stream_id, reset.error_code) == (refused, ErrorCodes.REFUSED_STREAM)
    assert farewell.last_stream_id == later


async def test_leaving_lets_answers_in_progress_finish(issued: Certificates) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def answer(_request: Request) -> Answer:
        asked.set()
        await release.wait()
        return Response(204)

    with bound(Listen("127.0.0.1", 0)) as listener:
        async with http2.serving(answer, listener, issued.server_context()):
            client = await connect(listener, issued)
            stream = client.post("/")
            client.flush()
            await asyncio.wait_for(asked.wait(), LIMIT_SECONDS)
            reading = asyncio.create_task(client.frames())
            asyncio.get_running_loop().call_soon(release.set)
        frames = await reading
        client.close()

    assert [frame.stream_id for frame in frames if isinstance(frame, HeadersFrame)] == [stream]
    assert any(isinstance(frame, GoAwayFrame) for frame in frames)


async def test_leaving_does_not_wait_for_ever(
    issued: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "GRACE_SECONDS", 0.05)
    asked = asyncio.Event()

    async def never(_request: Request) -> Answer:
        asked.set()
        await asyncio.get_running_loop().create_future()
        return Response(204)

    async with connected(issued, never) as client:
        client.post("/")
        client.flush()
        await asyncio.wait_for(asked.wait(), LIMIT_SECONDS)

    assert not [task for task in asyncio.all_tasks() if "_serve" in repr(task.get_coro())]


async def test_a_request_that_the_client_takes_back_is_given_up(issued: Certificates) -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def never(_request: Request) -> Answer:
        asked.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            given_up.set()
        return Response(204)

    async with connected(issued, never) as client:
        stream = client.post("/")
        client.flush()
        await asyncio.wait_for(asked.wait(), LIMIT_SECONDS)
        client.h2.reset_stream(stream, ErrorCodes.CANCEL)
        client.flush()

        assert await asyncio.wait_for(given_up.wait(), LIMIT_SECONDS)


async def test_a_bug_of_ours_answers_500_and_spares_the_connection(issued: Certificates) -> None:
    async def fail(request: Request) -> Answer:
        if request.path == "/bug":
            raise RuntimeError
        return Response(204)

    async with connected(issued, fail) as client:
        failed, after = client.post("/bug"), client.post("/")
        statuses = [
            dict((await client.seek(ResponseReceived, stream)).headers)[b":status"]
            for stream in (failed, after)
        ]

    assert statuses == [b"500", b"204"]


async def test_frames_that_break_the_protocol_end_the_connection(issued: Certificates) -> None:
    async with connected(issued) as client:
        client.flush()
        # DATA on a stream that was never opened.
        client.write(bytes([0, 0, 1, 0, 0, 0, 0, 0, 1, 0]))
        farewell = await client.seek(ConnectionTerminated)

    assert farewell.error_code == ErrorCodes.PROTOCOL_ERROR


@pytest.mark.parametrize("offered", [[], ["http/1.1"]])
async def test_a_client_without_http2_is_not_served(
    issued: Certificates, offered: list[str]
) -> None:
    tls = ssl.create_default_context(cafile=issued.ca_file)
    if offered:
        tls.set_alpn_protocols(offered)
    with bound(Listen("127.0.0.1", 0)) as listener:
        async with http2.serving(echo, listener, issued.server_context()):
            client = await connect(listener, issued, tls)

            frames = await client.frames()
            client.close()

    assert frames == []


async def test_tls_1_1_is_not_spoken(issued: Certificates) -> None:
    assert issued.server_context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_taken_port_is_named_in_the_error() -> None:
    with (
        bound(Listen("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match=f"127.0.0.1:{taken.getsockname()[1]}"),
        bound(Listen("127.0.0.1", taken.getsockname()[1])),
    ):
        pass
