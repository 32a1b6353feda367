"""Do the gateways answer by HTTP/1.1 as they do by HTTP/2, and misbehave as they are told to?"""

import asyncio
import ssl
from collections.abc import Awaitable

import httpx
import pytest

from services.sandbox.exchange import Answer, FallSilent, HangUp, Request, Response
from services.sandbox.http1 import Http1Connection
from tests.sandbox.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody"
LIMIT_SECONDS = 5


class Talk:
    """A client on a socket, and what the server made of it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Request] = []
        self.connections: set[Http1Connection] = set()
        self.heard = asyncio.Event()

    async def reply(self, request: Request) -> Answer:
        self.asked.append(request)
        self.heard.set()
        return self.answer

    async def say(self, *pieces: bytes, wanted: bytes = b"") -> bytes:
        """What is answered until `wanted` has come, or until the end."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Http1Connection(1, self.reply, self.connections), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(LIMIT_SECONDS):
                return await (reader.readuntil(wanted) if wanted else reader.read())
        finally:
            writer.close()
            server.close()


async def test_requests_are_answered_in_order_however_they_come() -> None:
    talk = Talk(Response(201, b"ok", {"x-a": "b"}))
    said = await talk.say(ASKED[:20], ASKED[20:] + ASKED, wanted=b"okHTTP/1.1 201 \r\n")

    assert said.startswith(b"HTTP/1.1 201 \r\ncontent-length: 2\r\nx-a: b\r\n\r\nok")
    assert [(each.method, each.path, each.body) for each in talk.asked] == [
        ("POST", "/x", b"body")
    ] * 2
    assert talk.asked[0].header("content-length") == "4"
    assert not talk.asked[0].is_http2


async def test_who_hangs_up_says_nothing() -> None:
    assert await reset(Talk(HangUp()).say(ASKED))


@pytest.mark.parametrize("is_deaf", [True, False])
async def test_who_falls_silent_keeps_the_connection(*, is_deaf: bool) -> None:
    talk = Talk(FallSilent(is_deaf))
    saying = asyncio.create_task(talk.say(ASKED))
    async with asyncio.timeout(LIMIT_SECONDS):
        await talk.heard.wait()
    (connection,) = talk.connections
    is_quiet = not saying.done()
    connection.leave("Shutdown")

    assert is_quiet
    assert await reset(saying)


async def test_what_is_no_request_is_refused() -> None:
    said = await Talk(Response(200)).say(b"SSH-2.0-OpenSSH\r\n")

    assert said.startswith(b"HTTP/1.1 400 ")


async def test_a_sender_without_http2_is_served_apple_excepted(
    stage: Stage,
) -> None:
    """By an independent client."""
    tls = ssl.create_default_context(cafile=stage.sandbox.ca_file)
    async with httpx.AsyncClient(verify=tls, base_url=stage.sandbox.gateway_url) as plain:
        token = await plain.post("/token", data={})
        with pytest.raises(httpx.TransportError):
            await plain.post(f"/3/device/{'ab' * 32}", json={})

    assert token.http_version == "HTTP/1.1"
    assert token.status_code == 400


async def reset(saying: Awaitable[bytes]) -> bool:
    """Whether the other side ended the connection without a word."""
    try:
        return await saying == b""
    except ConnectionResetError:
        return True
