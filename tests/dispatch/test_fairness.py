"""Does each application get its part of a lane, whoever else sends, and each of its messages?"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.fairness import ROAD, Stretch, begin, divide, measure
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.parcels import Lane, Parcel, Slice
from services.dispatch.store import checkpoints, intake, parcels, plans, shares
from services.dispatch.store.checkpoints import Entry
from tests.conftest import NOON
from tests.dispatch.makers import APP, OTHER_APP, a_message, to_devices

LEASE = timedelta(seconds=30)
THIRD_APP = UUID("11111111-2222-4333-8444-555555555555")


# The rule itself.


@dataclass
class Road:
    """A lane in memory: who stands foremost is taken first."""

    weights: dict[str, int]
    now: int = 0
    finish: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    queue: list[tuple[int, int, str, int]] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)

    def put(self, app: str, *sizes: int) -> None:
        start = begin(self.finish[app], self.now)
        stretch = Stretch(start, measure(sum(sizes), self.weights[app]))
        self.finish[app] = start + stretch.length
        for place, size in zip(divide(stretch, sizes), sizes, strict=True):
            heapq.heappush(self.queue, (place, next(self.numbers), app, size))

    def take(self) -> tuple[str, int]:
        place, _, app, size = heapq.heappop(self.queue)
        self.now = max(self.now, place)
        return app, size

    def waits(self, app: str) -> bool:
        return any(each[2] == app for each in self.queue)


APPS = ("a", "b", "c")
SIZES = some.lists(some.integers(1, 2000), min_size=1, max_size=30)
EVENTS = some.lists(some.tuples(some.sampled_from(APPS), SIZES) | some.integers(1, 40), max_size=30)
WEIGHTS = some.fixed_dictionaries(dict.fromkeys(APPS, some.integers(1, 1000)))


@given(weights=WEIGHTS, events=EVENTS)
def test_between_two_that_wait_the_difference_is_a_parcel_of_each(
    weights: dict[str, int], events: list[tuple[str, list[int]] | int]
) -> None:
    """In any stretch of time in which both wait, by weight, whatever a third one does."""
    road, biggest = Road(weights), Counter[str]()
    sent, lowest, highest = 0.0, 0.0, 0.0
    for event in events:
        if isinstance(event, tuple):
            app, sizes = event
            road.put(app, *sizes)
            biggest[app] = max(biggest[app], *sizes)
            continue
        for _ in range(min(event, len(road.queue))):
            if not (road.waits("a") and road.waits("b")):
                sent = lowest = highest = 0.0
            app, size = road.take()
            if app in {"a", "b"}:
                sent += (size if app == "a" else -size) / weights[app]
            lowest, highest = min(lowest, sent), max(highest, sent)

            bound = biggest["a"] / weights["a"] + biggest["b"] / weights["b"]
            # Road is whole numbers: a hair for each parcel's rounding.
            if road.waits("a") and road.waits("b"):
                assert highest - lowest <= bound + len(events) * 31 / ROAD


@given(alone=some.integers(1, 300), served=some.integers(1, 300), weights=WEIGHTS)
def test_who_was_idle_is_neither_paid_for_it_nor_made_to_pay(
    alone: int, served: int, weights: dict[str, int]
) -> None:
    weights |= {"a": 10, "b": 10}
    road = Road(weights)
    road.put("a", *[500] * (alone + 50))
    for _ in range(min(alone, served)):
        road.take()
    road.put("b", *[500] * 50)
    taken = [road.take()[0] for _ in range(40)]

    assert abs(taken.count("a") - taken.count("b")) <= 2


@given(sizes=SIZES, start=some.integers(0, 2**40), weight=some.integers(1, 1000))
def test_places_lie_on_their_stretch_in_order(sizes: list[int], start: int, weight: int) -> None:
    stretch = Stretch(start, measure(sum(sizes), weight))
    places = list(divide(stretch, sizes))

    assert places == sorted(places)
    assert places[0] == start
    assert all(start <= place < start + stretch.length for place in places)


# The queue that keeps it.


@dataclass
class Queue:
    db: AsyncEngine
    names: dict[str, str] = field(default_factory=dict)

    async def broadcast(self, name: str, app_id: UUID, slices: int, *, first: int = 0) -> None:
        """Accept a message to many and cut it; or cut on what was begun before."""
        async with self.db.begin() as tx:
            message = a_message(app_id=app_id)
            await intake.accept(tx, [message])
            self.names[message.message_id] = name
            plan = await plans.lease(tx, LEASE)
            assert plan is not None
            cut = [Slice(Platform.IOS, n, n + 1, 500) for n in range(first, first + slices)]
            for part in (cut[: slices // 2], cut[slices // 2 :]):
                await plans.add_parcels(tx, plan, Lane.BULK, part, NOON)
            await plans.end(tx, plan)

    async def singles(self, name: str, app_id: UUID, count: int) -> None:
        async with self.db.begin() as tx:
            accepted = [a_message(to_devices("phone"), app_id=app_id) for _ in range(count)]
            await intake.accept(tx, accepted)
            self.names |= {each.message_id: name for each in accepted}

    async def take(self, number: int, lane: Lane = Lane.BULK, *, at_once: int = 1) -> list[str]:
        """Whose parcels are taken, one after the other."""
        taken: list[Parcel] = []
        for _ in range(number // at_once):
            async with self.db.begin() as tx:
                leased = await parcels.lease(tx, lane, at_once, LEASE)
                await checkpoints.record(tx, [Entry(parcel, ends=True) for parcel in leased])
                taken += leased
        return [self.names[parcel.message_id] for parcel in taken]

    async def weigh(self, app_id: UUID, weight: int) -> None:
        async with self.db.begin() as tx:
            await shares.write_weight(tx, app_id, weight)


def parts(taken: Sequence[str]) -> dict[str, int]:
    return dict(Counter(name[0] for name in taken))


async def test_a_second_broadcast_does_not_wait_for_the_first(dispatch_db: AsyncEngine) -> None:
    queue = Queue(dispatch_db)
    await queue.broadcast("a", APP, 40)
    await queue.take(10)
    await queue.broadcast("b", OTHER_APP, 10)
    taken = await queue.take(20, at_once=4)

    assert parts(taken) == {"a": 10, "b": 10}
    assert all("b" in taken[n : n + 3] for n in range(0, 18, 3))
    assert await queue.take(40) == ["a"] * 20


async def test_weights_decide_how_much_each_gets(dispatch_db: AsyncEngine) -> None:
    queue = Queue(dispatch_db)
    await queue.weigh(APP, 30)
    await queue.broadcast("a", APP, 60)
    await queue.broadcast("b", OTHER_APP, 60)
    taken = await queue.take(40, at_once=2)

    assert parts(taken)["a"] in range(29, 32)


async def test_an_applications_messages_share_its_part(dispatch_db: AsyncEngine) -> None:
    """And so it has no more of the lane, however many it sends."""
    queue = Queue(dispatch_db)
    await queue.broadcast("a1", APP, 60)
    await queue.broadcast("b1", OTHER_APP, 60)
    await queue.take(20, at_once=4)
    await queue.broadcast("a2", APP, 10)
    await queue.broadcast("a3", APP, 10)
    taken = await queue.take(40, at_once=4)
    each = Counter(taken)

    assert parts(taken) == {"a": 20, "b": 20}
    assert all(6 <= each[name] <= 8 for name in ("a1", "a2", "a3"))
    rest = Counter(await queue.take(100, at_once=4))
    assert each["a1"] + rest["a1"] == 50
    assert each["a2"] + rest["a2"] == each["a3"] + rest["a3"] == 10


async def test_a_flood_of_single_sends_delays_nobody_elses(dispatch_db: AsyncEngine) -> None:
    queue = Queue(dispatch_db)
    await queue.singles("a", APP, 200)
    await queue.take(50, Lane.EXPRESS, at_once=10)
    await queue.singles("b", OTHER_APP, 3)
    taken = await queue.take(8, Lane.EXPRESS)

    assert taken.count("b") == 3


async def test_who_comes_back_after_the_lane_was_empty_begins_where_it_stands(
    dispatch_db: AsyncEngine,
) -> None:
    queue = Queue(dispatch_db)
    await queue.broadcast("a", APP, 50)
    await queue.take(50, at_once=5)
    await queue.broadcast("b", OTHER_APP, 10)
    await queue.broadcast("a", APP, 10)
    await queue.broadcast("c", THIRD_APP, 10)
    taken = await queue.take(18, at_once=3)

    assert all(5 <= part <= 7 for part in parts(taken).values())


async def test_two_senders_at_once_take_nothing_twice(dispatch_db: AsyncEngine) -> None:
    queue = Queue(dispatch_db)
    await queue.broadcast("a1", APP, 12)
    await queue.broadcast("a2", APP, 12)
    async with dispatch_db.begin() as one, dispatch_db.begin() as other:
        first = await parcels.lease(one, Lane.BULK, 8, LEASE)
        second = await parcels.lease(other, Lane.BULK, 8, LEASE)
    async with dispatch_db.begin() as tx:
        third = await parcels.lease(tx, Lane.BULK, 24, LEASE)
    ids = [parcel.parcel_id for parcel in (*first, *second, *third)]

    assert len(ids) == len(set(ids)) == 24
    assert {queue.names[parcel.message_id] for parcel in first} == {"a1", "a2"}
