"""How is HTTP/1.1 read, and when is a connection not to be used again?"""

from collections.abc import AsyncIterator

import pytest

from services.dispatch.wire import Request, Unanswered
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from tests.dispatch.wire.servers import PlainServer

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def wire() -> AsyncIterator[PooledWire]:
    opened = PooledWire(EgressGuard.allowing(("localhost",)))
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("reply", "body", "connections"),
    [
        (OK + b"Content-Length: 2\r\n\r\nab", b"ab", 1),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", b"", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", 1),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n",
            b"abcde",
            1,
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na", b"a", 1),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nab", b"ab", 2),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", b"ab", 2),
        # What follows an answer is not the answer to what is asked next.
        (OK + b"Content-Length: 70000\r\n\r\n" + b"x" * 70_000, b"x" * 65_536, 2),
    ],
)
async def test_an_answer_ends_where_it_says(
    wire: PooledWire, reply: bytes, body: bytes, connections: int
) -> None:
    server = PlainServer(reply)
    async with server.serving() as url:
        answers = [await wire.post(Request.to(url, (), b"q")) for _ in range(2)]

    assert [answer.body for answer in answers] == [body, body]
    assert server.connections == connections
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH\r\n",
        OK + b"Content-Length: x\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        OK + b"Content-Length: 1\r\n\r\na" + OK + b"Content-Length: 1\r\n\r\nb",
    ],
)
async def test_what_is_no_answer_is_none(wire: PooledWire, reply: bytes) -> None:
    server = PlainServer(reply)
    async with server.serving() as url:
        with pytest.raises(Unanswered):
            await wire.post(Request.to(url, (), b"q", seconds=5))

    assert len(server.asked) == 1
