"""Is who subscribed told in full, by few questions, and as far as anybody still knows?"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest

from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as devices_pb
from carillon.registry.v1 import device_service_pb2_grpc as devices_rpc
from carillon.targeting.v1 import change_service_pb2 as changes_pb
from carillon.targeting.v1 import change_service_pb2_grpc as changes_rpc
from carillon.type.v1 import platform_pb2
from services.dispatch.api.feeds import SubscriptionFeed
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.webhooks import EventKind
from tests.conftest import NOON
from tests.dispatch.makers import APP, OTHER_APP


class Rooms(changes_rpc.ChangeServiceServicer, devices_rpc.DeviceServiceServicer):
    """Targeting and registry: devices below `gone` live, those below `erased` are tombstones."""

    def __init__(self) -> None:
        self.events: list[changes_pb.SubscriptionEvent] = []
        self.watched: list[tuple[list[str], timedelta]] = []
        self.asked: list[tuple[str, int]] = []
        self.gone = self.erased = 10**9
        self.registry_is_away = False

    def happen(self, app_id: UUID, uid: int, kind: Any, tag_name: str = "news") -> None:
        event = changes_pb.SubscriptionEvent(
            app_id=str(app_id), uid=uid, kind=kind, tag_name=tag_name, subscription_id=f"s{uid}"
        )
        event.event_time.FromDatetime(NOON)
        self.events.append(event)

    async def ListSubscriptionEvents(self, request: Any, _context: Any) -> Any:
        return changes_pb.ListSubscriptionEventsResponse(
            events=self.events, next_position=f"after {request.position}"
        )

    async def WatchSubscriptions(self, request: Any, _context: Any) -> Any:
        self.watched.append((list(request.app_ids), request.duration.ToTimedelta()))
        return changes_pb.WatchSubscriptionsResponse()

    async def BatchGetDevices(self, request: Any, context: Any) -> Any:
        if self.registry_is_away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        assert len(request.uids) <= 200
        self.asked.append((request.app_id, len(request.uids)))
        return devices_pb.BatchGetDevicesResponse(
            devices=[
                device_pb2.Device(
                    uid=uid,
                    device_id=f"d{uid}",
                    user_id="anna",
                    platform=platform_pb2.PLATFORM_IOS,
                    address=f"address of {uid}",
                )
                for uid in request.uids
                if uid < self.gone
            ]
        )

    async def IdentifyDevices(self, request: Any, _context: Any) -> Any:
        return devices_pb.IdentifyDevicesResponse(
            devices=[
                devices_pb.DeviceIdentity(
                    uid=uid,
                    device_id=f"d{uid}",
                    platform=platform_pb2.PLATFORM_ANDROID,
                    deleted=True,
                )
                for uid in request.uids.uids
                if uid < self.erased
            ]
        )


@dataclass
class Desk:
    rooms: Rooms
    feed: SubscriptionFeed
    position: str = field(default="here")

    async def entities(self) -> list[dict[str, Any]]:
        return [event.entity for event in (await self.feed.read(self.position)).events]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    rooms = Rooms()  # type: ignore[abstract]  # the feed asks for some of it only
    server = grpc.aio.server()
    changes_rpc.add_ChangeServiceServicer_to_server(rooms, server)
    devices_rpc.add_DeviceServiceServicer_to_server(rooms, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Desk(rooms, SubscriptionFeed(channel, channel, timeout=5))
    await server.stop(None)


SUBSCRIBED = changes_pb.SUBSCRIPTION_EVENT_KIND_SUBSCRIBED
UNSUBSCRIBED = changes_pb.SUBSCRIPTION_EVENT_KIND_UNSUBSCRIBED


async def test_an_event_names_device_tag_and_subscription(desk: Desk) -> None:
    desk.rooms.happen(APP, 7, SUBSCRIBED)
    desk.rooms.happen(APP, 7, UNSUBSCRIBED)
    happened = await desk.feed.read(desk.position)
    device = {
        "id": 7,
        "deviceId": "d7",
        "applicationId": str(APP),
        "userId": "anna",
        "token": "address of 7",
        "platform": "A",
    }
    told = {"device": device, "tagName": "news", "subscriptionId": "s7"}

    assert [(event.app_id, event.kind, event.time) for event in happened.events] == [
        (APP, EventKind.SUBSCRIBED, NOON),
        (APP, EventKind.UNSUBSCRIBED, NOON),
    ]
    assert [event.entity for event in happened.events] == [told, told | {"deviceId": "d7"}]
    assert happened.next_position == "after here"


async def test_a_deleted_device_has_its_ids_and_an_erased_one_is_not_told(desk: Desk) -> None:
    desk.rooms.gone, desk.rooms.erased = 7, 8
    for uid in (6, 7, 8):
        desk.rooms.happen(APP, uid, UNSUBSCRIBED)
    entities = await desk.entities()

    assert [(e["deviceId"], e["device"]["token"], e["device"]["userId"]) for e in entities] == [
        ("d6", "address of 6", "anna"),
        ("d7", "", ""),
    ]


async def test_devices_are_read_in_batches_each_once(desk: Desk) -> None:
    for uid in range(1, 302):
        desk.rooms.happen(APP, uid, SUBSCRIBED, "news")
        desk.rooms.happen(APP, uid, SUBSCRIBED, "offers")
    desk.rooms.happen(OTHER_APP, 1, SUBSCRIBED)

    assert len(await desk.entities()) == 603
    assert desk.rooms.asked == [(str(APP), 200), (str(APP), 101), (str(OTHER_APP), 1)]


async def test_nothing_new_asks_nobody(desk: Desk) -> None:
    assert await desk.entities() == []
    assert desk.rooms.asked == []


async def test_a_registry_that_is_away_holds_the_feed(desk: Desk) -> None:
    desk.rooms.happen(APP, 7, SUBSCRIBED)
    desk.rooms.registry_is_away = True

    with pytest.raises(RoomUnavailable):
        await desk.entities()


async def test_a_watch_is_a_lease(desk: Desk) -> None:
    await desk.feed.watch([APP, OTHER_APP], timedelta(days=7))

    assert desk.rooms.watched == [([str(APP), str(OTHER_APP)], timedelta(days=7))]
