"""What does the wire promise to whoever sends by it, whatever stands behind it?"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.dispatch.wire import Forbidden, Identity, Request, Unanswered, Unsent, WireError
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from services.sandbox import certificates, exchange
from services.sandbox.certificates import Certificates
from tests.dispatch.wire.servers import PlainServer, demand, http2_server, make_identity

GUARD = EgressGuard.allowing(("localhost",))
HEADERS = (("content-type", "application/json"), ("apns-topic", "com.acme.bank"))


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.obtain(tmp_path_factory.mktemp("tls"), "localhost", datetime.now(UTC))


@pytest.fixture
async def wire(issued: Certificates) -> AsyncIterator[PooledWire]:
    opened = PooledWire(GUARD, issued.ca_file)
    yield opened
    await opened.close()


def plain_context(issued: Certificates) -> ssl.SSLContext:
    """A server's that knows no HTTP/2."""
    context = issued.server_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def echo(request: exchange.Request) -> exchange.Answer:
    headers = {"x-path": request.path, "x-topic": request.headers["apns-topic"][0]}
    return exchange.Response(410, request.body, headers)


async def test_an_answer_is_given_back_whatever_its_status(
    wire: PooledWire, issued: Certificates
) -> None:
    async with http2_server(echo, issued.server_context()) as url:
        answer = await wire.post(Request.to(f"{url}/3/device/ab", HEADERS, b"{}"))

    assert (answer.status, answer.body) == (410, b"{}")
    assert answer.headers["x-path"] == "/3/device/ab"
    assert answer.headers["x-topic"] == "com.acme.bank"


async def test_many_at_once_get_each_its_own(wire: PooledWire, issued: Certificates) -> None:
    async with http2_server(echo, issued.server_context()) as url:
        answers = await asyncio.gather(
            *(wire.post(Request.to(f"{url}/{n}", HEADERS, str(n).encode())) for n in range(200))
        )

    assert [answer.body for answer in answers] == [str(n).encode() for n in range(200)]
    assert [answer.headers["x-path"] for answer in answers] == [f"/{n}" for n in range(200)]


@pytest.mark.parametrize("secure", [True, False])
async def test_who_speaks_no_http2_is_asked_by_http1(
    wire: PooledWire, issued: Certificates, *, secure: bool
) -> None:
    server = PlainServer()
    async with server.serving(plain_context(issued) if secure else None) as url:
        answers = [await wire.post(Request.to(f"{url}/x?y=1", HEADERS, b"body")) for _ in range(3)]

    assert {(answer.status, answer.body) for answer in answers} == {(200, b"hello")}
    assert answers[0].headers["x-kind"] == "plain"
    assert server.asked[0].startswith(b"POST /x?y=1 HTTP/1.1\r\n")
    assert b"apns-topic: com.acme.bank\r\n" in server.asked[0]
    assert server.asked[0].endswith(b"\r\n\r\nbody")
    assert server.connections == 1


@pytest.mark.parametrize("secure", [True, False])
async def test_what_wants_http2_is_never_sent_by_http1(
    wire: PooledWire, issued: Certificates, *, secure: bool
) -> None:
    server = PlainServer()
    async with server.serving(plain_context(issued) if secure else None) as url:
        with pytest.raises(WireError):
            await wire.post(Request.to(f"{url}/x", HEADERS, b"body", http2_only=True, seconds=2))

    assert server.asked == []


async def test_a_connection_shows_its_identity(
    wire: PooledWire, issued: Certificates, tmp_path: Path
) -> None:
    ours, other = make_identity("ours"), make_identity("other")
    tls = demand(issued.server_context(), ours, tmp_path)

    async def ask(identity: Identity | None) -> int:
        request = Request.to(f"{url}/", HEADERS, b"", identity=identity, http2_only=True)
        return (await wire.post(request)).status

    async with http2_server(echo, tls) as url:
        assert await ask(ours) == 410
        for stranger in (other, None):
            with pytest.raises(WireError):
                await ask(stranger)
        assert await ask(ours) == 410


def test_an_identity_is_not_shown_by_accident() -> None:
    identity = Identity("certificate", "key")
    request = Request.to("https://a.example", (), b"", identity=identity)

    assert "key" not in repr(identity)
    assert "'key'" not in repr(request)


async def test_a_request_has_its_own_time(wire: PooledWire) -> None:
    silent = PlainServer(b"")
    async with silent.serving() as url:
        with pytest.raises(Unanswered):
            await wire.post(Request.to(f"{url}/", HEADERS, b"", seconds=0.1))

    assert len(silent.asked) == 1


async def test_who_is_not_there_was_sent_nothing(wire: PooledWire) -> None:
    async with PlainServer().serving() as url:
        pass
    with pytest.raises(Unsent):
        await wire.post(Request.to(f"{url}/", HEADERS, b""))


async def test_a_stranger_without_a_certificate_we_trust_is_sent_nothing(
    issued: Certificates,
) -> None:
    wire = PooledWire(GUARD)
    async with http2_server(echo, issued.server_context()) as url:
        with pytest.raises(Unsent):
            await wire.post(Request.to(f"{url}/", HEADERS, b""))
    await wire.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
async def test_no_request_goes_inside_unless_allowed(host: str) -> None:
    server = PlainServer()
    wire = PooledWire(EgressGuard.allowing(("sandbox.internal",)))
    async with server.serving() as url:
        port = url.rpartition(":")[2]
        for scheme in ("http", "https"):
            with pytest.raises(Forbidden):
                await wire.post(Request.to(f"{scheme}://{host}:{port}/", HEADERS, b""))
    await wire.close()

    assert server.connections == 0
