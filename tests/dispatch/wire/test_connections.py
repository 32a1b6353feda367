"""What becomes of requests when connections are refused, left, lost, full or silent?"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hyperframe.frame import SettingsFrame

from services.dispatch.wire import Answer, Request, Unanswered, Unsent, WireError, http2, pooled
from services.dispatch.wire.origin import Limits
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from tests.dispatch.wire.scripted import ScriptedServer, Talk, answer_all

REFUSED = 7
MOST = SettingsFrame.MAX_CONCURRENT_STREAMS


@pytest.fixture
async def wire(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PooledWire]:
    monkeypatch.setattr(pooled, "SWEEP_SECONDS", 0.01)
    guard = EgressGuard.allowing(("localhost",))
    opened = PooledWire(guard, limits=Limits(max_connections=3, idle_seconds=0.05))
    yield opened
    await opened.close()


def request(url: str, number: int = 0, seconds: float = 10, *, one: bool = False) -> Request:
    return Request.to(
        f"{url}/{number}", (), b"body", seconds=seconds, http2_only=True, one_at_first=one
    )


def ask(wire: PooledWire, *requests: Request) -> list[asyncio.Task[Answer]]:
    return [asyncio.create_task(wire.post(each)) for each in requests]


async def outcomes(tasks: list[asyncio.Task[Answer]]) -> list[Answer | BaseException]:
    async with asyncio.timeout(10):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def warm_up(wire: PooledWire, server: ScriptedServer, url: str) -> None:
    """One answer, after which the server's settings are known; then it is silent."""
    server.react = answer_all
    await wire.post(request(url, 99))
    server.react = lambda _: None


async def test_what_a_leaving_server_did_not_take_is_sent_to_it_anew(wire: PooledWire) -> None:
    server = ScriptedServer()

    def leave(talk: Talk) -> None:
        if talk is not server.talks[0]:
            answer_all(talk)
        elif len(talk.asked) == 4:
            first, second, *_ = talk.asked
            talk.peer.goaway(second, reason=b'{"reason":"Shutdown"}')
            talk.answer(second)
            talk.answer(first)

    server.react = leave
    async with server.serving() as url:
        answers = await outcomes(ask(wire, *(request(url, n) for n in range(4))))

    assert [a.headers["x-path"] for a in answers if isinstance(a, Answer)] == [
        f"/{n}" for n in range(4)
    ]
    assert len(server.talks[0].peer.streams) == 4
    assert sorted(s.path for s in server.talks[1].peer.streams.values()) == ["/2", "/3"]


async def test_a_refused_stream_is_sent_again(wire: PooledWire) -> None:
    server = ScriptedServer()

    def refuse(talk: Talk) -> None:
        for stream_id in talk.asked:
            if stream_id < 7 and not talk.peer.streams[stream_id].was_reset:
                talk.peer.reset(stream_id, REFUSED)
            elif stream_id >= 7:
                talk.answer(stream_id)

    server.react = refuse
    async with server.serving() as url:
        answers = await outcomes(ask(wire, *(request(url, n) for n in range(3))))

    assert [isinstance(answer, Answer) for answer in answers] == [True] * 3


async def test_who_refuses_for_ever_was_sent_nothing(wire: PooledWire) -> None:
    server = ScriptedServer()

    def refuse(talk: Talk) -> None:
        for stream_id in talk.asked:
            if not talk.peer.streams[stream_id].was_reset:
                talk.peer.reset(stream_id, REFUSED)

    server.react = refuse
    async with server.serving() as url:
        (outcome,) = await outcomes(ask(wire, request(url)))

    assert isinstance(outcome, Unsent)


async def test_a_connection_that_breaks_leaves_unanswered_what_was_sent(wire: PooledWire) -> None:
    server = ScriptedServer({MOST: 2})
    async with server.serving() as url:
        tasks = ask(wire, *(request(url, n) for n in range(2)))
        await server.until(lambda: server.talks and len(server.talks[0].asked) == 2)
        server.talks[0].abort()
        results = await outcomes(tasks)

    assert [type(each) for each in results] == [Unanswered, Unanswered]


async def test_time_that_ends_while_waiting_is_unsent_and_later_unanswered(
    wire: PooledWire,
) -> None:
    server = ScriptedServer()
    async with server.serving() as url:
        await warm_up(wire, server, url)
        server.settings = {MOST: 0}
        server.talks[0].peer.settings({MOST: 0})
        server.talks[0].flush()
        await server.until(lambda: server.talks[0].peer.acknowledged == 2)
        (waiting,) = await outcomes(ask(wire, request(url, seconds=0.2)))
        server.settings = {MOST: 5}
        for talk in server.talks:
            talk.peer.settings({MOST: 5})
            talk.flush()
        (sent,) = await outcomes(ask(wire, request(url, seconds=0.2)))
        await server.until(
            lambda: any(s.was_reset for talk in server.talks for s in talk.peer.streams.values())
        )

    assert isinstance(waiting, Unsent)
    assert isinstance(sent, Unanswered)


async def test_who_gives_up_gives_its_stream_back(wire: PooledWire) -> None:
    server = ScriptedServer({MOST: 1})
    async with server.serving() as url:
        (task,) = ask(wire, request(url))
        await server.until(lambda: server.talks and server.talks[0].asked)
        task.cancel()
        await server.until(lambda: server.talks[0].peer.streams[1].was_reset)
        server.react = answer_all
        answer = await wire.post(request(url, 1))

    assert answer.headers["x-path"] == "/1"
    assert task.cancelled()


async def test_one_at_a_time_until_the_first_good_answer(wire: PooledWire) -> None:
    server = ScriptedServer()
    async with server.serving() as url:
        tasks = ask(wire, *(request(url, n, one=True) for n in range(3)))
        await server.until(lambda: server.talks and server.talks[0].asked)
        talk = server.talks[0]
        talk.answer(1, 403)
        await server.until(lambda: 3 in talk.asked)
        alone = talk.asked
        talk.answer(3, 200)
        await server.until(lambda: 5 in talk.asked)
        talk.answer(5)
        answers = await outcomes(tasks)

    assert alone == [3]
    assert sorted(a.status for a in answers if isinstance(a, Answer)) == [200, 200, 403]
    assert len(server.talks) == 1


async def test_connections_come_with_demand_and_go_without(wire: PooledWire) -> None:
    server = ScriptedServer({MOST: 1})
    async with server.serving() as url:
        await warm_up(wire, server, url)
        tasks = ask(wire, *(request(url, n) for n in range(5)))
        await server.until(lambda: sum(len(talk.asked) for talk in server.talks) == 3)
        server.react = answer_all
        for talk in server.talks:
            answer_all(talk)
        answers = await outcomes(tasks)
        await server.until(lambda: all(talk.is_lost for talk in server.talks))

    assert len(server.talks) == 3
    assert all(isinstance(answer, Answer) for answer in answers)


async def test_a_connection_that_does_not_answer_a_ping_is_dead(
    wire: PooledWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(http2, "PING_SECONDS", 0.05)
    server = ScriptedServer()
    async with server.serving() as url:
        (task,) = ask(wire, request(url, seconds=30))
        await server.until(lambda: server.talks and server.talks[0].asked)
        server.is_deaf = True
        (outcome,) = await outcomes([task])
        server.is_deaf, server.react = False, answer_all
        again = await wire.post(request(url, 1))

    assert isinstance(outcome, Unanswered)
    assert again.headers["x-path"] == "/1"
    assert len(server.talks) == 2


async def test_a_slow_server_that_answers_pings_is_waited_for(
    wire: PooledWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(http2, "PING_SECONDS", 1.0)
    server = ScriptedServer()
    async with server.serving() as url:
        (task,) = ask(wire, request(url))
        await server.until(lambda: server.talks and len(server.talks[0].peer.pings) >= 2)
        server.talks[0].answer(1)
        (answer,) = await outcomes([task])

    assert isinstance(answer, Answer)


async def test_nothing_is_lost_when_the_wire_is_closed(wire: PooledWire) -> None:
    server = ScriptedServer({MOST: 1})
    async with server.serving() as url:
        await warm_up(wire, server, url)
        tasks = ask(wire, *(request(url, n) for n in range(6)))
        await server.until(lambda: sum(len(talk.asked) for talk in server.talks) == 3)
        await wire.close()
        results = await outcomes(tasks)

    assert all(isinstance(each, WireError) for each in results)
    assert sum(isinstance(each, Unanswered) for each in results) == 3


@pytest.mark.parametrize("header", [("x", "a\r\ny: b"), ("Upper", "x"), ("host", "x"), ("", "")])
async def test_a_header_that_would_be_another_is_not_sent(
    wire: PooledWire, header: tuple[str, str]
) -> None:
    server = ScriptedServer()
    async with server.serving() as url:
        for http2_only in (True, False):
            with pytest.raises(WireError) as refused:
                await wire.post(Request.to(f"{url}/", (header,), b"", http2_only=http2_only))
            assert type(refused.value).__name__ == "Forbidden"
