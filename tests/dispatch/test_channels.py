"""How are channels kept, and what of them goes into a message?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1 import channel_service_pb2 as pb
from carillon.dispatch.v1 import message_service_pb2
from carillon.dispatch.v1.channel_pb2 import Channel, ChannelGroup, LockScreenVisibility
from carillon.dispatch.v1.content_pb2 import AndroidOptions, Content
from carillon.dispatch.v1.message_pb2 import Message
from carillon.type.v1.target_pb2 import Everyone, Target
from services.dispatch.acceptance import Acceptance
from services.dispatch.api.channel_service import ChannelServicer
from services.dispatch.api.message_service import MessageServicer
from services.dispatch.domain import channels as domain
from services.dispatch.domain.faults import (
    ChannelExists,
    ChannelGroupExists,
    ChannelGroupNotFound,
    ChannelNotFound,
)
from services.dispatch.domain.rooms import Endings
from services.dispatch.follower import Follower
from services.dispatch.gateways.limits import SizeLimits
from services.dispatch.halting import Halting
from services.dispatch.receiving import Receiving
from services.dispatch.store import messages
from services.kit.faults import FieldInvalid
from tests.conftest import NOON
from tests.dispatch.makers import APP, OTHER_APP

NOBODY = cast("Any", None)
ALERTS = Channel(
    channel_id="alerts",
    name="Alerts",
    importance=5,
    light_color="red",
    vibration_pattern=[0, 200],
    lock_screen_visibility=LockScreenVisibility.LOCK_SCREEN_VISIBILITY_SECRET,
    show_badge=False,
    group_id="money",
)
MONEY = ChannelGroup(group_id="money", name="Money")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Desk:
    """Channels as a caller changes them, and messages as one sends them."""

    db: AsyncEngine
    channels: ChannelServicer
    messages: MessageServicer

    async def create(self, channel: Channel, app_id: UUID = APP) -> Channel:
        request = pb.CreateChannelRequest(app_id=str(app_id), channel=channel)
        return (await self.channels.CreateChannel(request, NOBODY)).channel

    async def read(self, channel_id: str, app_id: UUID = APP) -> Channel:
        request = pb.GetChannelRequest(app_id=str(app_id), channel_id=channel_id)
        return (await self.channels.GetChannel(request, NOBODY)).channel

    async def replace(self, channel: Channel) -> Channel:
        request = pb.UpdateChannelRequest(app_id=str(APP), channel=channel)
        return (await self.channels.UpdateChannel(request, NOBODY)).channel

    async def delete(self, channel_id: str) -> None:
        request = pb.DeleteChannelRequest(app_id=str(APP), channel_id=channel_id)
        await self.channels.DeleteChannel(request, NOBODY)

    async def group(self, group: ChannelGroup = MONEY, app_id: UUID = APP) -> ChannelGroup:
        request = pb.CreateChannelGroupRequest(app_id=str(app_id), channel_group=group)
        return (await self.channels.CreateChannelGroup(request, NOBODY)).channel_group

    async def rename(self, group: ChannelGroup) -> ChannelGroup:
        request = pb.UpdateChannelGroupRequest(app_id=str(APP), channel_group=group)
        return (await self.channels.UpdateChannelGroup(request, NOBODY)).channel_group

    async def ungroup(self, group_id: str) -> None:
        request = pb.DeleteChannelGroupRequest(app_id=str(APP), group_id=group_id)
        await self.channels.DeleteChannelGroup(request, NOBODY)

    async def send(self, channel_id: str) -> domain.Channel | None:
        """The channel that an accepted message holds."""
        content = Content(alert="Paid", android=AndroidOptions(channel_id=channel_id))
        request = message_service_pb2.SendMessageRequest(
            app_id=str(APP), message=Message(content=content, target=Target(everyone=Everyone()))
        )
        self.sent = (await self.messages.SendMessage(request, NOBODY)).message.message_id
        return await self.held()

    async def held(self) -> domain.Channel | None:
        async with self.db.connect() as connection:
            message = await messages.get(connection, APP, self.sent)
        assert message is not None
        return message.content.channel

    sent: str = field(default="")


@pytest.fixture
async def desk(dispatch_db: AsyncEngine) -> Desk:
    def ignore() -> None: ...

    acceptance = Acceptance(dispatch_db, now, ring_plans=ignore, ring_parcels=ignore)
    receiving = Receiving(dispatch_db, NOBODY, now, ring_outbox=ignore)
    halting = Halting(
        dispatch_db,
        now,
        timedelta(days=1),
        ring_halts=ignore,
        ring_plans=ignore,
        ring_parcels=ignore,
    )
    servicer = MessageServicer(
        dispatch_db, acceptance, receiving, halting, NOBODY, SizeLimits(), now
    )
    return Desk(dispatch_db, ChannelServicer(dispatch_db, now), servicer)


async def test_a_channel_is_kept_as_it_was_given(desk: Desk) -> None:
    await desk.group()

    created = await desk.create(ALERTS)

    kept = await desk.read("alerts")
    assert kept == created
    kept.ClearField("create_time")
    kept.ClearField("update_time")
    assert kept == Channel(**{f.name: v for f, v in ALERTS.ListFields()} | {"light_color": "RED"})


async def test_each_application_has_channels_of_its_own(desk: Desk) -> None:
    await desk.create(Channel(channel_id="alerts", name="Alerts"))

    await desk.create(Channel(channel_id="alerts", name="Others"), OTHER_APP)

    assert (await desk.read("alerts")).name == "Alerts"
    with pytest.raises(ChannelExists):
        await desk.create(Channel(channel_id="alerts", name="Again"))


async def test_a_group_must_be_of_the_same_application(desk: Desk) -> None:
    await desk.group(app_id=OTHER_APP)
    with pytest.raises(FieldInvalid, match=r"channel\.group_id"):
        await desk.create(ALERTS)

    await desk.create(Channel(channel_id="alerts", name="Alerts"))
    with pytest.raises(FieldInvalid, match=r"channel\.group_id"):
        await desk.replace(ALERTS)


async def test_a_deleted_group_leaves_its_channels(desk: Desk) -> None:
    await desk.group()
    await desk.create(ALERTS)

    await desk.ungroup("money")

    assert not (await desk.read("alerts")).group_id


async def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    await desk.group()
    with pytest.raises(ChannelGroupExists):
        await desk.group()

    for attempt in (desk.read("none"), desk.delete("none"), desk.replace(ALERTS)):
        with pytest.raises(ChannelNotFound):
            await attempt
    for other in (desk.ungroup("none"), desk.rename(ChannelGroup(group_id="none", name="x"))):
        with pytest.raises(ChannelGroupNotFound):
            await other


async def test_pages_hold_each_channel_once(desk: Desk) -> None:
    for name in "dbace":
        await desk.create(Channel(channel_id=name, name=name))
    request, seen = pb.ListChannelsRequest(app_id=str(APP), page_size=2), list[str]()

    while True:
        page = await desk.channels.ListChannels(request, NOBODY)
        seen += [channel.channel_id for channel in page.channels]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert (seen, page.total_size) == (list("abcde"), 5)
    request.page_token = page.previous_page_token
    back = await desk.channels.ListChannels(request, NOBODY)
    assert [channel.channel_id for channel in back.channels] == ["c", "d"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"importance": 6}, "importance"),
        ({"importance": -1}, "importance"),
        ({"light_color": "mauve"}, "light_color"),
        ({"vibration_pattern": [1] * 33}, "vibration_pattern"),
        ({"vibration_pattern": [1, 10_001]}, r"vibration_pattern\[1\]"),
        ({"vibration_pattern": [-1]}, r"vibration_pattern\[0\]"),
        ({"lock_screen_visibility": 4}, "lock_screen_visibility"),
        ({"channel_id": ""}, "channel_id"),
        ({"channel_id": "a\0"}, "channel_id"),
        ({"name": "n" * 255}, "name"),
        ({"sound": "s" * 255}, "sound"),
        ({"description": "d" * 1025}, "description"),
        ({"group_id": "g" * 255}, "group_id"),
    ],
)
async def test_a_wrong_field_is_named(desk: Desk, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(FieldInvalid, match=rf"channel\.{named}"):
        await desk.create(Channel(**{"channel_id": "alerts", "name": "Alerts"} | changes))


async def test_an_accepted_message_keeps_the_channel_as_it_was(desk: Desk) -> None:
    await desk.group()
    await desk.create(ALERTS)

    taken = await desk.send("alerts")
    await desk.rename(ChannelGroup(group_id="money", name="Cash"))
    await desk.replace(Channel(channel_id="alerts", name="Other"))
    await desk.delete("alerts")

    assert taken == await desk.held()
    assert taken == domain.Channel(
        "alerts",
        "Alerts",
        importance=5,
        light_color="RED",
        vibration_pattern=(0, 200),
        lock_screen_visibility=domain.Visibility.SECRET,
        show_badge=False,
        group=domain.ChannelGroup("money", "Money"),
    )


@pytest.mark.parametrize("channel_id", ["none", "a\0", "c" * 10_000])
async def test_a_channel_that_is_not_there_is_refused(desk: Desk, channel_id: str) -> None:
    with pytest.raises(FieldInvalid, match=r"message\.content\.android\.channel_id"):
        await desk.send(channel_id)


@dataclass
class Feed:
    """Registry's feed: what a test says has ended."""

    ended: Sequence[UUID]

    async def endings(self, position: str) -> Endings:
        return Endings(() if position else tuple(self.ended), "1")


async def test_an_application_takes_its_channels_along(desk: Desk) -> None:
    for app_id in (APP, OTHER_APP):
        await desk.group(app_id=app_id)
        await desk.create(ALERTS, app_id)
    follower = Follower(desk.db, Feed([APP]), lambda: NOON)

    assert await follower.step()
    assert not await follower.step()

    with pytest.raises(ChannelNotFound):
        await desk.read("alerts")
    await desk.group()
    assert (await desk.read("alerts", OTHER_APP)).group_id == "money"
