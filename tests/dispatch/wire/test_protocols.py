"""By which address and in which protocol is a server asked, and when is another tried?"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from services.dispatch.wire import Answer, Request, Unanswered, Unsent, dialing, racing
from services.dispatch.wire.pooled import PooledWire
from services.dispatch.wire.racing import interleave, race
from services.kit.egress import EgressGuard
from services.sandbox.certificates import Certificates
from tests.dispatch.wire.scripted import ScriptedServer, Talk, answer_all
from tests.dispatch.wire.servers import GREETING
from tests.dispatch.wire.test_servers import issued, needs, port, running

__all__ = ["issued", "port"]
HTTP_1_1_REQUIRED = 0xD
DEAD, LIVE = "127.0.0.2", "127.0.0.1"


@pytest.fixture
async def wire(issued: Certificates) -> AsyncIterator[PooledWire]:
    opened = PooledWire(EgressGuard.allowing(("localhost",)), issued.ca_file)
    yield opened
    await opened.close()


class Plain(asyncio.Protocol):
    """Answers each request by HTTP/1.1, small enough to come in one piece."""

    def __init__(self, asked: list[bytes]) -> None:
        self._asked = asked
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._asked.append(data)
        self._transport.write(GREETING)


class Either(asyncio.Protocol):
    """Speaks what ALPN agrees on; tells those of HTTP/2 that it wants HTTP/1.1."""

    def __init__(self, server: ScriptedServer, plain: list[bytes]) -> None:
        self._server, self._plain = server, plain

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        spoken = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        chosen = Talk(self._server) if spoken == "h2" else Plain(self._plain)
        cast("asyncio.Transport", transport).set_protocol(chosen)
        chosen.connection_made(transport)


@asynccontextmanager
async def either(
    server: ScriptedServer, plain: list[bytes], issued: Certificates
) -> AsyncIterator[str]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(issued.server_file, issued.server_key_file)
    tls.set_alpn_protocols(["h2", "http/1.1"])
    loop = asyncio.get_running_loop()
    serving = await loop.create_server(lambda: Either(server, plain), "127.0.0.1", 0, ssl=tls)
    try:
        yield f"https://localhost:{serving.sockets[0].getsockname()[1]}"
    finally:
        serving.close()


def reset(talk: Talk) -> None:
    for stream_id in talk.asked:
        if not talk.peer.streams[stream_id].was_reset:
            talk.peer.reset(stream_id, HTTP_1_1_REQUIRED)


def leave(talk: Talk) -> None:
    if talk.asked:
        talk.peer.goaway(0, HTTP_1_1_REQUIRED)


@pytest.mark.parametrize("refuse", [reset, leave])
async def test_who_wants_http1_after_all_is_asked_by_it_from_then_on(
    wire: PooledWire, issued: Certificates, refuse: Any
) -> None:
    """It says so of what it did not process: nothing is sent twice, nothing ends unanswered."""
    server, plain = ScriptedServer(), list[bytes]()
    server.react = refuse
    async with either(server, plain, issued) as url:
        first = await asyncio.gather(
            *(wire.post(Request.to(f"{url}/{n}", (), b"q")) for n in (1, 2))
        )
        talks = len(server.talks)
        second = await wire.post(Request.to(f"{url}/3", (), b"q"))

    assert {answer.body for answer in (*first, second)} == {b"hello"}
    assert sorted(asked.split()[1] for asked in plain) == [b"/1", b"/2", b"/3"]
    assert len(server.talks) == talks == 1


@pytest.mark.parametrize("refuse", [reset, leave])
async def test_apple_is_never_asked_by_http1_even_if_it_wants_it(
    wire: PooledWire, issued: Certificates, refuse: Any
) -> None:
    server, plain = ScriptedServer(), list[bytes]()
    server.react = refuse
    async with either(server, plain, issued) as url:
        with pytest.raises(Unsent, match="HTTP_1_1_REQUIRED"):
            await wire.post(Request.to(f"{url}/1", (), b"q", http2_only=True))
        server.react = answer_all
        again = await wire.post(Request.to(f"{url}/2", (), b"q", http2_only=True))

    assert again.status == 200
    assert plain == []


async def test_a_server_that_offers_no_http2_is_named_as_such(
    wire: PooledWire, issued: Certificates, port: int
) -> None:
    """By OpenSSL's own server, which breaks off the handshake instead of choosing nothing."""
    needs("openssl")
    keys = "-cert", str(issued.server_file), "-key", str(issued.server_key_file)
    command = ("openssl", "s_server", "-accept", f"127.0.0.1:{port}", *keys, "-www")
    async with running(issued, port, *command, "-alpn", "http/1.1", offer="http/1.1") as url:
        with pytest.raises(Unsent) as refused:
            await wire.post(Request.to(url, (), b"q", http2_only=True))

    assert str(refused.value) == "connect: the other side speaks no HTTP/2"


@pytest.mark.parametrize(
    ("status", "length", "is_answer"),
    [
        (410, "2", True),
        (410, "3", False),
        (410, "x", False),
        (410, "2, 2", False),
        (201, "9", True),
    ],
)
async def test_an_answer_of_another_length_than_it_says_is_none(
    wire: PooledWire, status: int, length: str, *, is_answer: bool
) -> None:
    """Of a success only the status counts."""
    server = ScriptedServer()

    def answer(talk: Talk) -> None:
        for stream_id in talk.asked:
            head = [(":status", str(status)), ("content-length", length)]
            talk.peer.head(stream_id, head, ends=False)
            talk.peer.data(stream_id, b"{}", ends=True)

    server.react = answer
    async with server.serving() as url:
        asking = asyncio.create_task(wire.post(Request.to(url, (), b"q", http2_only=True)))
        outcome = (await asyncio.gather(asking, return_exceptions=True))[0]

    assert isinstance(outcome, Answer if is_answer else Unanswered)


def test_a_family_that_leads_nowhere_does_not_come_first_as_a_whole() -> None:
    assert interleave(["::1", "::2", "::3", "1.1.1.1"]) == ["::1", "1.1.1.1", "::2", "::3"]
    assert interleave(["1.1.1.1", "::1"]) == ["1.1.1.1", "::1"]
    assert interleave(["1.1.1.1"]) == ["1.1.1.1"]


@pytest.fixture
def dead(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port where one address takes connections, and the other is silent: its line is full."""
    monkeypatch.setattr(racing, "HEAD_START_SECONDS", 0.01)
    with socket.create_server((DEAD, port), backlog=0), socket.create_server((LIVE, port)):
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.settimeout(0)
            with suppress(BlockingIOError):
                each.connect((DEAD, port))
        yield port
        for each in waiting:
            each.close()


async def test_a_silent_address_costs_a_connection_a_moment(dead: int) -> None:
    """Believed before: an address that does not answer is waited for, two seconds each time."""
    async with asyncio.timeout(5):
        address, connected = await race([DEAD, DEAD, LIVE], dead)

    assert address == LIVE == connected.getpeername()[0]
    connected.close()


async def test_where_nobody_takes_connections_the_last_failure_is_told(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        await race([DEAD, LIVE], port)


async def test_an_address_that_says_nothing_costs_the_others_nothing(
    wire: PooledWire, issued: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection, and never greets."""
    monkeypatch.setattr(dialing, "GREETING_SECONDS", 0.05)
    server, plain, loop = ScriptedServer(), list[bytes](), asyncio.get_running_loop()
    server.react = answer_all

    async def both(_host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in (DEAD, LIVE)]

    monkeypatch.setattr(loop, "getaddrinfo", both)
    async with either(server, plain, issued) as url:
        with socket.create_server((DEAD, int(url.rpartition(":")[2]))):
            answer = await wire.post(Request.to(f"{url}/1", (), b"q", http2_only=True))

    assert answer.status == 200
