"""Does what is started by the batch say, and end as, what it would have alone?"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.wire import Answer, Forbidden, Request, Template, WireError, split_url
from services.dispatch.wire import frames as f
from services.dispatch.wire.blocks import BlockWriter
from services.dispatch.wire.pooled import PooledWire
from services.dispatch.wire.screening import find_forbidden
from services.kit.egress import EgressGuard
from tests.dispatch.wire.scripted import ScriptedServer, answer_all

Told = Sequence[tuple[int, Answer | WireError]]

words = some.text(some.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)
paths = words.map(lambda word: "/" + word.replace("#", "%").replace("\\", "%"))
HOSTILE = ["/a b", "/a\r\nx: y", "/ü", "/#a", "\\", "", "a", "/\x7f", "/\x00", "/\ud800"]


@pytest.fixture
async def wire() -> AsyncIterator[PooledWire]:
    opened = PooledWire(EgressGuard.allowing(("localhost",)))
    yield opened
    await opened.close()


def ask(path: str, values: tuple[str, ...], body: bytes, fixed: str = "fixed") -> Request:
    names = tuple(f"x-own-{number}" for number in range(len(values)))
    template = Template("https://a.example", (("authorization", fixed),), names)
    return Request(template, path, body, values)


async def tell_of(wire: PooledWire, requests: Sequence[Request]) -> tuple[list[Told], Told]:
    """What the listener was told, call by call, and all of it by place."""
    told: list[Told] = []
    done = asyncio.Event()

    def end(ended: Told) -> None:
        told.append(ended)
        if sum(map(len, told)) >= len(requests):
            done.set()

    wire.start(requests, end)
    assert told == []
    async with asyncio.timeout(10):
        await done.wait()
    return told, sorted((each for ended in told for each in ended), key=lambda each: each[0])


@given(
    some.lists(
        some.tuples(paths, some.lists(words, max_size=2), some.binary(min_size=1, max_size=300)),
        min_size=1,
        max_size=5,
    ),
    words,
)
def test_a_request_by_its_form_is_what_it_is_by_its_block(
    said: list[tuple[str, list[str], bytes]], fixed: str
) -> None:
    """Also where words hold what forms are written in, and where lengths come back."""
    writer = BlockWriter("https", "a.example")
    for number, (path, values, body) in enumerate([*said, *said]):
        request, stream_id = ask(path, tuple(values), body, fixed), 2 * number + 1
        head = f.headers(stream_id, writer.write_block(request), f.MAX_FRAME, ends=False)
        data = f.frame(f.DATA, f.END_STREAM, stream_id, body)

        assert writer.write_whole(request, stream_id) == head + data


@pytest.mark.parametrize(
    ("fixed", "body"),
    [
        pytest.param("x" * 16_400, b"{}", id="the head is too large for a frame"),
        pytest.param("x", bytes(16_385), id="so is the body"),
        pytest.param("x", b"", id="there is no body"),
    ],
)
def test_what_does_not_fit_into_two_frames_has_no_form(fixed: str, body: bytes) -> None:
    writer = BlockWriter("https", "a.example")

    assert writer.write_whole(ask("/", (), body, fixed), 1) == b""


@given(
    some.lists(
        some.tuples(
            some.one_of(paths, some.sampled_from(HOSTILE), some.text(max_size=5)),
            some.text(max_size=5),
        ),
        max_size=6,
    )
)
def test_who_is_forbidden_is_so_in_any_company(said: list[tuple[str, str]]) -> None:
    requests = [ask(path, (value,), b"{}") for path, value in said]
    alone = {place for place, each in enumerate(requests) if find_forbidden([each])}

    assert find_forbidden(requests) == alone


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_would_be_something_else_is_forbidden(path: str) -> None:
    assert find_forbidden([ask("/a", (), b""), ask(path, (), b"")]) == {1}


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\n", " a", "a ", "\x00", "€", "\ud800"])
def test_so_is_a_value(value: str) -> None:
    assert find_forbidden([ask("/", (value,), b""), ask("/", ("a b",), b"")]) == {0}


async def test_answers_that_come_together_are_told_together_and_by_their_places(
    wire: PooledWire,
) -> None:
    server = ScriptedServer()
    server.react = answer_all
    async with server.serving() as url:
        template = Template(url, http2_only=True)
        await wire.post(Request(template, "/first", b"{}"))
        requests = [Request(template, f"/{number}", b"{}") for number in range(50)]
        told, all_told = await tell_of(wire, requests)

    assert [place for place, _ in all_told] == list(range(50))
    assert [each.headers["x-path"] for _, each in all_told if isinstance(each, Answer)] == [
        f"/{number}" for number in range(50)
    ]
    assert len(told) < 10


async def test_in_a_mixed_batch_each_goes_where_it_is_to_go(wire: PooledWire) -> None:
    servers = ScriptedServer(), ScriptedServer()
    for server in servers:
        server.react = answer_all
    async with servers[0].serving() as here, servers[1].serving() as there:
        urls = [f"{(here, there)[number % 2]}/{number}" for number in range(6)]
        requests = [Request.to(url, (), b"{}", http2_only=True) for url in urls]
        requests.insert(3, Request.to("http://10.0.0.1/", (), b"{}"))
        requests.insert(4, Request(requests[0].template, "/a b", b"{}"))
        _, all_told = await tell_of(wire, requests)

    outcomes = [outcome for _, outcome in all_told]
    assert [isinstance(each, Forbidden) for each in outcomes] == [
        *[False] * 3,
        True,
        True,
        *[False] * 3,
    ]
    assert [len(server.talks[0].peer.streams) for server in servers] == [3, 3]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example", ("https://a.example", "/")),
        ("https://a.example:8443/x?y=1#z", ("https://a.example:8443", "/x?y=1")),
        ("https://a.example?y=1", ("https://a.example", "/?y=1")),
        ("https://a.example/a b", ("", "")),
        ("a.example/x", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_url_leads_somewhere_and_asks_for_something(url: str, parts: tuple[str, str]) -> None:
    assert split_url(url) == parts
