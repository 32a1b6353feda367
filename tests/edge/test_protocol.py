"""What becomes of requests on the socket that hardly are HTTP?"""

import gzip
import json
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.edge.protocol import MAX_HEAD, MAX_LINE, mend
from services.edge.serving import serve
from services.kit.process import House
from tests.edge.conftest import APP_ID, World
from tests.sdks.line import connected

APP = f"/imfpush/v1/apps/{APP_ID}"
REFUSED = (400, "CARILLON0400E")


@pytest.fixture
async def port(world: World, house: House) -> int:
    return await serve(house, world.app, "127.0.0.1:0")


async def ask(port: int, raw: bytes) -> tuple[int, str]:
    """The status, and the code or else the id that was read."""
    async with connected(port) as line:
        answer = await line.send(raw)
        assert answer.headers["x-request-id"]
        told = json.loads(answer.content)
        return answer.status, told.get("code") or told.get("deviceId", "")


def get(world: World, target: bytes) -> bytes:
    secret = world.client["clientSecret"].encode()
    return b"GET %b HTTP/1.1\r\nHost: x\r\nclientSecret: %b\r\n\r\n" % (target, secret)


@pytest.mark.parametrize(
    ("raw", "device_id"),
    [
        (b"a b", "a b"),
        (b"a  b ", "a  b "),
        ("café-☃-📱".encode(), "café-☃-📱"),
        (b"a%20b", "a b"),
        (b"100%", "100%"),
        (b"%zz", "%zz"),
        (b"a+b", "a+b"),
        (b"a/b/c", "a/b/c"),
        (b"a%2Fb%2F", "a/b/"),
        (b"a\tb", "a\tb"),
        (b'a"<>\\^`{|}b', 'a"<>\\^`{|}b'),
        (b"a?expand=", "a"),
        (b"a/?expand=False", "a"),
    ],
)
async def test_an_id_in_a_path_is_read_as_it_was_meant(
    world: World, port: int, raw: bytes, device_id: str
) -> None:
    await world.register(deviceId=device_id)

    assert await ask(port, get(world, APP.encode() + b"/devices/" + raw)) == (200, device_id)


async def test_bytes_that_are_no_text_are_refused(world: World, port: int) -> None:
    for raw in (b"\xff\xfe", b"%FF%FE"):
        told = await ask(port, get(world, APP.encode() + b"/devices/" + raw))

        assert told == (400, "FPWSE0005E")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"nonsense\r\n\r\n", REFUSED),
        (b"GET\r\n\r\n", REFUSED),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", REFUSED),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", REFUSED),
        (b"GET /" + b"a" * MAX_LINE + b" HTTP/1.1\r\n\r\n", (414, "CARILLON0414E")),
        (b"a" * (MAX_LINE + 1), (414, "CARILLON0414E")),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD + b"\r\n\r\n", (431, "CARILLON0431E")),
        (b"GET / HTTP/1.1\r\n" + b"A: bcd\r\n" * MAX_HEAD, (431, "CARILLON0431E")),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD * 8, (431, "CARILLON0431E")),
    ],
    ids=["nonsense", "method", "header", "length", "target", "line", "value", "many", "endless"],
)
async def test_what_cannot_be_read_is_refused_in_json_and_the_line_closed(
    port: int, raw: bytes, expected: tuple[int, str]
) -> None:
    async with connected(port) as line:
        answer = await line.send(raw)

        assert (answer.status, answer.json["code"]) == expected
        assert answer.headers["content-type"] == "application/json"
        assert await line.is_closed()


async def test_a_line_that_comes_in_pieces_is_put_together(world: World, port: int) -> None:
    await world.register(deviceId="a b")
    raw = get(world, APP.encode() + b"/devices/a b")
    async with connected(port) as line:
        for cut in (1, 9, len(APP) + 15):
            line._writer.write(raw[:cut])
            await line._writer.drain()
            answer = await line.send(raw[cut:])

            assert answer.json["deviceId"] == "a b"


async def test_a_line_serves_many_requests_with_bodies_between(world: World, port: int) -> None:
    secret = world.client["clientSecret"]
    async with connected(port) as line:
        for device_id in ("eins zwei", "drei"):
            body = {"deviceId": device_id, "token": "t", "platform": "g"}
            headers = {"clientSecret": secret, "Content-Type": "application/json;charset = utf8"}
            created = await line.ask("POST", f"{APP}/devices", headers, body)
            read = await line.ask("GET", f"{APP}/devices/{device_id}", headers)

            assert (created.status, read.status) == (201, 200)


async def test_a_bomb_is_not_unfolded(world: World, port: int) -> None:
    bomb = gzip.compress(b"[" + b" " * 200_000_000 + b"]")
    async with connected(port) as line:
        headers = {**world.back_end, "Content-Encoding": "gzip"}
        answer = await line.ask("POST", f"{APP}/messages/bulk", headers, content=bomb)

        assert answer.status == 413


@given(target=some.binary(min_size=1).filter(lambda raw: b"\n" not in raw and raw.strip()))
def test_a_mended_line_has_three_words_and_means_the_same(target: bytes) -> None:
    method, mended, version = mend(b"GET /" + target + b" HTTP/1.1\r").split(b" ")

    assert (method, version) == (b"GET", b"HTTP/1.1\r")
    assert mended.isascii()
    assert unquote_to_bytes(mended) == unquote_to_bytes(b"/" + target)
