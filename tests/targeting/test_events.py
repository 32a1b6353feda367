"""Is what happens to subscriptions told where somebody watches, and written nowhere else?"""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from google.protobuf.duration_pb2 import Duration
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.targeting.v1 import change_service_pb2 as pb
from services.targeting.domain.events import START, SubscriptionEvent
from services.targeting.domain.platforms import Platform
from services.targeting.domain.registry import DeviceDeleted
from services.targeting.domain.subscriptions import Device
from services.targeting.follower import Follower
from services.targeting.store import events, opt_outs, subscriptions, tags
from services.targeting.store.tables import watches
from services.targeting.sweeper import GRACE, Sweeper
from tests.conftest import NOON
from tests.targeting.book import Book, Entry
from tests.targeting.conftest import Clock, Room
from tests.targeting.crowds import new_tag
from tests.targeting.refusals import refused, said
from tests.targeting.test_subscriptions import end, subscribe, unsubscribe
from tests.targeting.test_tags import create

PHONE = Entry(11, "phone", Platform.IOS, "ada")
KNOWN = Device(11, "phone", "ada", Platform.IOS, known=True)
BROADCASTS = "Push.ALL"
SUBSCRIBED = pb.SUBSCRIPTION_EVENT_KIND_SUBSCRIBED
UNSUBSCRIBED = pb.SUBSCRIPTION_EVENT_KIND_UNSUBSCRIBED


@pytest.fixture
async def watched(room: Room, app_id: UUID) -> Room:
    """A phone, two tags, and somebody who watches."""
    room.book.write(app_id, PHONE)
    await create(room, app_id, "news")
    await create(room, app_id, "offers")
    await watch(room, app_id)
    return room


async def watch(room: Room, *app_ids: UUID, seconds: int = 3600) -> None:
    await room.changes.WatchSubscriptions(
        pb.WatchSubscriptionsRequest(app_ids=map(str, app_ids), duration=Duration(seconds=seconds))
    )


async def hear(room: Room, count: int, **asked: object) -> pb.ListSubscriptionEventsResponse:
    """The feed as soon as it holds so many: another test's transaction may hold it back."""
    request = pb.ListSubscriptionEventsRequest(**asked)  # type: ignore[arg-type]  # fields by name
    async with asyncio.timeout(20):
        while True:
            answer = await room.changes.ListSubscriptionEvents(request)
            if len(answer.events) >= count:
                return answer


def briefly(answer: pb.ListSubscriptionEventsResponse) -> list[tuple[int, str]]:
    return [(event.kind, event.tag_name) for event in answer.events]


async def stand(db: AsyncEngine, count: int) -> list[SubscriptionEvent]:
    """What stands in the store, as soon as it holds so many."""
    async with asyncio.timeout(20):
        while True:
            async with db.connect() as tx:
                found = await events.read_after(tx, START, 100)
            if len(found) >= count:
                return found


async def test_every_way_to_subscribe_and_to_end_it_is_told(watched: Room, app_id: UUID) -> None:
    await subscribe(watched, app_id, "phone", "news", "offers", "no tag")
    await subscribe(watched, app_id, "phone", "news")
    await unsubscribe(watched, app_id, "phone", "news", "no tag")
    await unsubscribe(watched, app_id, "phone", "news")
    (still,) = (await subscribe(watched, app_id, "phone", "offers")).existing
    await end(watched, app_id, still.subscription_id)
    answer = await hear(watched, 4)

    assert sorted(briefly(answer)[:2]) == [(SUBSCRIBED, "news"), (SUBSCRIBED, "offers")]
    assert briefly(answer)[2:] == [(UNSUBSCRIBED, "news"), (UNSUBSCRIBED, "offers")]
    assert {(event.app_id, event.uid) for event in answer.events} == {(str(app_id), PHONE.uid)}
    assert answer.events[-1].subscription_id == still.subscription_id
    assert answer.events[0].event_time.ToDatetime(NOON.tzinfo) == NOON


async def test_leaving_broadcasts_and_coming_back_is_told(watched: Room, app_id: UUID) -> None:
    (listed,) = (await subscribe(watched, app_id, "phone", BROADCASTS)).existing
    for _ in range(2):
        await unsubscribe(watched, app_id, "phone", BROADCASTS)
    for _ in range(2):
        await subscribe(watched, app_id, "phone", BROADCASTS)
    answer = await hear(watched, 2)

    assert briefly(answer) == [(UNSUBSCRIBED, BROADCASTS), (SUBSCRIBED, BROADCASTS)]
    assert {event.subscription_id for event in answer.events} == {listed.subscription_id}


async def test_the_feed_goes_on_where_it_was_left(watched: Room, app_id: UUID) -> None:
    await subscribe(watched, app_id, "phone", "news", "offers")
    await hear(watched, 2)
    first = await hear(watched, 1, page_size=1)
    second = await hear(watched, 1, position=first.next_position)
    third = await hear(watched, 0, position=second.next_position)

    assert {event.tag_name for event in (*first.events, *second.events)} == {"news", "offers"}
    assert (list(third.events), third.next_position) == ([], second.next_position)


async def test_nothing_is_written_where_nobody_watches(watched: Room, app_id: UUID) -> None:
    unwatched, ended = uuid4(), uuid4()
    await watch(watched, app_id, ended)
    await watch(watched, ended, seconds=0)
    for app in (unwatched, ended, app_id):
        watched.book.write(app, PHONE)
        if app != app_id:
            await create(watched, app, "news")
        await subscribe(watched, app, "phone", "news")
        await unsubscribe(watched, app, "phone", "news", BROADCASTS)
        await subscribe(watched, app, "phone", BROADCASTS)
    answer = await hear(watched, 4)

    assert {event.app_id for event in answer.events} == {str(app_id)}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (pb.WatchSubscriptionsRequest(), "app_ids"),
        (pb.WatchSubscriptionsRequest(app_ids=["x"]), "app_id"),
        (pb.WatchSubscriptionsRequest(app_ids=[str(uuid4())] * 1001), "app_ids"),
        (
            pb.WatchSubscriptionsRequest(app_ids=[str(uuid4())], duration=Duration(seconds=-1)),
            "duration",
        ),
        (
            pb.WatchSubscriptionsRequest(
                app_ids=[str(uuid4())], duration=Duration(seconds=31 * 86400)
            ),
            "duration",
        ),
        (pb.ListSubscriptionEventsRequest(position="elsewhere"), "position"),
        (pb.ListSubscriptionEventsRequest(page_size=1001), "page_size"),
        (pb.ListSubscriptionEventsRequest(page_size=-1), "page_size"),
    ],
)
async def test_a_malformed_request_is_refused(
    room: Room, asked: pb.WatchSubscriptionsRequest | pb.ListSubscriptionEventsRequest, field: str
) -> None:
    if isinstance(asked, pb.WatchSubscriptionsRequest):
        fault = await refused(room.changes.WatchSubscriptions(asked))
    else:
        fault = await refused(room.changes.ListSubscriptionEvents(asked))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", field)


async def test_what_ends_with_its_tag_or_its_device_is_not_told(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    book = Book()
    tag_ids = [await new_tag(targeting_db, app_id, name) for name in ("news", "offers")]
    async with targeting_db.begin() as tx:
        await events.watch(tx, [app_id], NOON + timedelta(days=1))
        await subscriptions.add(tx, app_id, KNOWN, tag_ids, NOON)
        await opt_outs.leave(tx, app_id, KNOWN.uid, NOON)
        await tags.delete(tx, app_id, "offers", NOON)
    book.feed.append(DeviceDeleted(app_id, KNOWN.uid))
    await Follower(targeting_db, book, clock, seconds=3600).step()
    clock.pass_by(GRACE + timedelta(seconds=1))
    while await Sweeper(targeting_db, clock, seconds=3600).step():
        pass
    async with targeting_db.begin() as tx:
        await subscriptions.add(tx, app_id, KNOWN, tag_ids[:1], NOON)
    found = await stand(targeting_db, 4)

    assert sorted((event.kind.value, event.tag_name) for event in found) == [
        ("subscribed", "news"),
        ("subscribed", "news"),
        ("subscribed", "offers"),
        ("unsubscribed", BROADCASTS),
    ]


async def test_an_event_that_commits_late_is_not_skipped(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    late, early = [await new_tag(targeting_db, app_id, name) for name in ("late", "early")]
    async with targeting_db.begin() as tx:
        await events.watch(tx, [app_id], NOON + timedelta(days=1))
    async with targeting_db.connect() as reader, targeting_db.begin() as slow:
        await subscriptions.add(slow, app_id, KNOWN, [late], NOON)
        async with targeting_db.begin() as quick:
            await subscriptions.add(quick, app_id, KNOWN, [early], NOON)
        while_open = await events.read_after(reader, START, 10)
        await slow.commit()
    found = await stand(targeting_db, 2)

    assert while_open == []
    assert [event.tag_name for event in found] == ["late", "early"]


async def test_what_is_rolled_back_was_never_told(targeting_db: AsyncEngine, app_id: UUID) -> None:
    tag_id = await new_tag(targeting_db, app_id, "news")
    async with targeting_db.begin() as tx:
        await events.watch(tx, [app_id], NOON + timedelta(days=1))
    async with targeting_db.connect() as tx:
        await subscriptions.add(tx, app_id, KNOWN, [tag_id], NOON)
        await tx.rollback()
    async with targeting_db.begin() as tx:
        await opt_outs.leave(tx, app_id, KNOWN.uid, NOON)
    found = await stand(targeting_db, 1)

    assert [event.tag_name for event in found] == [BROADCASTS]


async def test_events_and_watches_are_removed_in_time(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    sweeper = Sweeper(targeting_db, clock, seconds=3600, batch=1)
    async with targeting_db.begin() as tx:
        await events.watch(tx, [app_id], NOON + timedelta(days=1))
        await opt_outs.leave(tx, app_id, KNOWN.uid, NOON)
        await opt_outs.come_back(tx, app_id, KNOWN.uid, NOON)
    await stand(targeting_db, 2)
    clock.pass_by(events.KEEP)
    kept = await sweeper.step()
    clock.pass_by(timedelta(seconds=1))
    steps = [await sweeper.step() for _ in range(3)]
    async with targeting_db.connect() as tx:
        left = await events.read_after(tx, START, 10)
        still_watched = (await tx.execute(sa.select(watches.c.app_id))).all()

    assert (kept, steps) == (False, [True, True, False])
    assert (left, still_watched) == ([], [])
