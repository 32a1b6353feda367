"""What is remembered of what arrived, and who is told?"""

import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as some

from services.sandbox.arrivals import Arrival, Arrivals, Wanted

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LIMIT_SECONDS = 10


def add(arrivals: Arrivals, address: str, gateway: str = "fcm", status: int = 200) -> Arrival:
    return arrivals.add(
        time=NOON, gateway=gateway, address=address, status=status, headers={}, payload=None
    )


@given(keep=some.integers(1, 5), sent=some.integers(0, 12), limit=some.integers(0, 12))
def test_the_latest_are_kept_newest_first_and_all_are_counted(
    keep: int, sent: int, limit: int
) -> None:
    arrivals = Arrivals(keep)
    for number in range(sent):
        add(arrivals, f"phone-{number}")
    found = [arrival.id for arrival in arrivals.latest(Wanted(), limit)]

    assert found == list(range(sent, 0, -1))[: min(keep, limit)]
    assert arrivals.counts() == ({"fcm": {"200": sent}} if sent else {})
    assert arrivals.last_id == sent


@given(
    some.lists(some.tuples(some.sampled_from("ab"), some.sampled_from("xy"))), some.integers(0, 9)
)
def test_a_question_finds_exactly_what_it_means(sent: list[tuple[str, str]], after: int) -> None:
    arrivals = Arrivals(100)
    for gateway, address in sent:
        add(arrivals, address, gateway)
    found = arrivals.latest(Wanted("a", "x", after), 100)
    expected = [n for n, pair in enumerate(sent, start=1) if pair == ("a", "x") and n > after]

    assert [arrival.id for arrival in found] == expected[::-1]


def test_ids_go_on_after_clearing() -> None:
    arrivals = Arrivals(5)
    add(arrivals, "phone-1")
    arrivals.clear()

    assert add(arrivals, "phone-1").id == 2
    assert arrivals.counts() == {"fcm": {"200": 1}}


async def test_who_waits_is_told_of_what_it_means_only() -> None:
    arrivals = Arrivals(5)
    waiting = asyncio.create_task(arrivals.wait(Wanted(address="b"), 10, LIMIT_SECONDS))
    loop = asyncio.get_running_loop()
    for delay, address in enumerate("acb"):
        loop.call_later(delay / 1000, add, arrivals, address)

    assert [arrival.address for arrival in await waiting] == ["b"]


async def test_who_asks_for_what_is_there_does_not_wait() -> None:
    arrivals = Arrivals(5)
    add(arrivals, "a")
    async with asyncio.timeout(LIMIT_SECONDS):
        found = await arrivals.wait(Wanted(), 10, 3600)

    assert len(found) == 1


async def test_waiting_has_an_end() -> None:
    assert await Arrivals(5).wait(Wanted(), 10, 0.01) == []


async def test_closing_sends_the_waiting_home() -> None:
    arrivals = Arrivals(5)
    waiting = asyncio.create_task(arrivals.wait(Wanted(), 10, 3600))
    asyncio.get_running_loop().call_soon(arrivals.close)

    assert await asyncio.wait_for(waiting, LIMIT_SECONDS) == []
    assert await asyncio.wait_for(arrivals.wait(Wanted(), 10, 3600), LIMIT_SECONDS) == []


def test_a_tally_counts_what_reached_each_address_and_not_what_was_refused() -> None:
    arrivals = Arrivals(10)
    for address, gateway, status in [
        ("a", "fcm", 200),
        ("a", "fcm", 0),
        ("a", "fcm", 503),
        ("b", "apns", 200),
        ("c", "webpush", 201),
        ("d", "fcm", 404),
    ]:
        add(arrivals, address, gateway, status)

    assert arrivals.tally() == {"a": 2, "b": 1, "c": 1}
    assert arrivals.tally("fcm") == {"a": 2}
