"""Is what other rooms tell posted to webhooks, each event once, and only for who listens?"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.rooms import Happenings
from services.dispatch.domain.webhooks import (
    DEVICES,
    Event,
    EventKind,
    Keyring,
    SigningSecret,
    Webhook,
    new_secret,
)
from services.dispatch.fanout import FanOut
from services.dispatch.gatherer import WATCH, Gatherer
from services.dispatch.store import webhooks
from services.kit.vault import Vault
from tests.dispatch.clocks import Clock
from tests.dispatch.makers import APP, OTHER_APP

VAULT = Vault({"k1": bytes(32)})


class Feed:
    """A room that tells one event at each position."""

    name = "a.feed"
    kinds = DEVICES

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.watched: list[tuple[Sequence[UUID], timedelta]] = []
        self.reads = 0
        self.away = False

    async def read(self, position: str) -> Happenings:
        self.reads += 1
        if self.away:
            raise RoomUnavailable("registry")
        place = int(position or 0)
        return Happenings(
            self.events[place : place + 1],
            str(min(place + 1, len(self.events))) if place < len(self.events) else position,
        )

    async def watch(self, app_ids: Sequence[UUID], duration: timedelta) -> None:
        self.watched.append((app_ids, duration))


class Desk:
    def __init__(self, db: AsyncEngine) -> None:
        self.db = db
        self.clock = Clock()
        self.rung = 0
        self.feed = Feed(
            self.happen(EventKind.DEVICE_REGISTERED),
            self.happen(EventKind.DEVICE_UPDATED, OTHER_APP),
            self.happen(EventKind.DEVICE_UNREGISTERED),
        )
        fan_out = FanOut(VAULT, self.clock, timedelta(days=1))
        self.gatherer = Gatherer(db, [self.feed], fan_out, self.clock, ring_caller=self.ring)

    def ring(self) -> None:
        self.rung += 1

    def happen(self, kind: EventKind, app_id: UUID = APP, late: int = 1) -> Event:
        return Event(app_id, kind, {"deviceId": "phone"}, self.clock() + timedelta(seconds=late))

    async def listen(self, kinds: EventKind, name: str = "crm") -> None:
        keyring = Keyring("", (SigningSecret(new_secret()),))
        now = self.clock()
        webhook = Webhook(APP, name, "https://a.example/", kinds, "", keyring, now, now)
        async with self.db.begin() as tx:
            assert await webhooks.create(tx, VAULT, webhook)

    async def gather(self) -> None:
        while await self.gatherer.step():
            pass

    async def posted(self) -> int:
        async with self.db.connect() as connection:
            counted = await connection.execute(sa.text("SELECT count(*) FROM webhook_events"))
            return int(counted.scalar_one())


@pytest.fixture
async def desk(dispatch_db: AsyncEngine) -> Desk:
    return Desk(dispatch_db)


async def test_each_event_is_posted_once_to_each_who_wants_it(desk: Desk) -> None:
    await desk.listen(DEVICES, "everything")
    await desk.listen(EventKind.DEVICE_UNREGISTERED, "ends")

    await desk.gather()
    await desk.gather()

    assert (await desk.posted(), desk.rung) == (3, 3)


async def test_nobody_is_asked_where_nobody_listens(desk: Desk) -> None:
    await desk.listen(EventKind.NOTIFICATION_STATUS)

    await desk.gather()

    assert (desk.feed.reads, await desk.posted()) == (0, 0)


async def test_a_webhook_is_not_told_what_was_before_it(desk: Desk) -> None:
    desk.feed.events = (desk.happen(EventKind.DEVICE_UPDATED, late=-60),)
    await desk.listen(DEVICES)

    await desk.gather()

    assert (desk.feed.reads > 0, await desk.posted()) == (True, 0)


async def test_a_room_that_is_away_is_asked_again(desk: Desk) -> None:
    await desk.listen(DEVICES)
    desk.feed.away = True
    await desk.gather()

    desk.feed.away = False
    await desk.gather()

    assert await desk.posted() == 2


async def test_two_gatherers_post_an_event_once(desk: Desk) -> None:
    await desk.listen(DEVICES)
    other = Gatherer(
        desk.db,
        [Feed(*desk.feed.events)],
        FanOut(VAULT, desk.clock, timedelta(days=1)),
        desk.clock,
        ring_caller=desk.ring,
    )

    while await desk.gatherer.step() | await other.step():
        pass

    assert await desk.posted() == 2


async def test_watches_are_renewed_for_who_listens(desk: Desk) -> None:
    await desk.listen(DEVICES)

    assert not await desk.gatherer.renew()

    assert desk.feed.watched == [([APP], WATCH)]
