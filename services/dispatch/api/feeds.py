"""The feeds of other rooms, as the gatherer reads them: what happened, in the REST API's words."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.duration_pb2 import Duration

from carillon.registry.v1 import (
    change_service_pb2,
    change_service_pb2_grpc,
    device_pb2,
    device_service_pb2,
    device_service_pb2_grpc,
)
from carillon.targeting.v1 import change_service_pb2 as targeting_pb2
from carillon.targeting.v1 import change_service_pb2_grpc as targeting_pb2_grpc
from services.dispatch.api import wire
from services.dispatch.api.rooms import asking
from services.dispatch.domain.platforms import CODES
from services.dispatch.domain.rooms import Happenings
from services.dispatch.domain.webhooks import DEVICES, SUBSCRIPTIONS, Event, EventKind

KINDS: dict[int, EventKind] = {
    change_service_pb2.DEVICE_EVENT_KIND_REGISTERED: EventKind.DEVICE_REGISTERED,
    change_service_pb2.DEVICE_EVENT_KIND_UPDATED: EventKind.DEVICE_UPDATED,
    change_service_pb2.DEVICE_EVENT_KIND_UNREGISTERED: EventKind.DEVICE_UNREGISTERED,
}
SUBSCRIPTION_KINDS: dict[int, EventKind] = {
    targeting_pb2.SUBSCRIPTION_EVENT_KIND_SUBSCRIBED: EventKind.SUBSCRIBED,
    targeting_pb2.SUBSCRIPTION_EVENT_KIND_UNSUBSCRIBED: EventKind.UNSUBSCRIBED,
}
# What registry takes in one BatchGetDevices, and in one IdentifyDevices.
MAX_READ = 200
MAX_IDENTIFIED = 1000

# A device as events tell of it, by its uid.
Entities = dict[int, dict[str, Any]]


class DeviceFeed:
    """An EventFeed of registry."""

    name = "registry.devices"
    kinds = DEVICES

    def __init__(self, channel: grpc.aio.Channel, timeout: float) -> None:
        self._changes = change_service_pb2_grpc.ChangeServiceStub(channel)
        self._timeout = timeout

    async def read(self, position: str) -> Happenings:
        request = change_service_pb2.ListDeviceEventsRequest(position=position)
        with asking("registry"):
            answer = await self._changes.ListDeviceEvents(request, timeout=self._timeout)
        return Happenings(tuple(map(_read_event, answer.events)), answer.next_position)

    async def watch(self, app_ids: Sequence[UUID], duration: timedelta) -> None:
        request = change_service_pb2.WatchDevicesRequest(
            app_ids=map(str, app_ids), duration=_write_duration(duration)
        )
        with asking("registry"):
            await self._changes.WatchDevices(request, timeout=self._timeout)


class SubscriptionFeed:
    """An EventFeed of targeting, which knows devices by uid: who they are, registry says.

    They are told as they are when we ask. Of one that is deleted meanwhile registry has only the
    ids, and of one that is erased nothing: that nobody is told of.
    """

    name = "targeting.subscriptions"
    kinds = SUBSCRIPTIONS

    def __init__(
        self, targeting: grpc.aio.Channel, registry: grpc.aio.Channel, timeout: float
    ) -> None:
        self._changes = targeting_pb2_grpc.ChangeServiceStub(targeting)
        self._devices = device_service_pb2_grpc.DeviceServiceStub(registry)
        self._timeout = timeout

    async def read(self, position: str) -> Happenings:
        request = targeting_pb2.ListSubscriptionEventsRequest(position=position)
        with asking("targeting"):
            answer = await self._changes.ListSubscriptionEvents(request, timeout=self._timeout)
        uids: dict[str, set[int]] = {}
        for told in answer.events:
            uids.setdefault(told.app_id, set()).add(told.uid)
        known = {app_id: await self._read(app_id, sorted(uids[app_id])) for app_id in uids}
        events = (
            _read_subscription_event(told, known[told.app_id][told.uid])
            for told in answer.events
            if told.uid in known[told.app_id]
        )
        return Happenings(tuple(events), answer.next_position)

    async def _read(self, app_id: str, uids: Sequence[int]) -> Entities:
        """Who these are, in as few questions as registry allows."""
        found: Entities = {}
        with asking("registry"):
            for part in _split(uids, MAX_READ):
                request = device_service_pb2.BatchGetDevicesRequest(app_id=app_id, uids=part)
                living = await self._devices.BatchGetDevices(request, timeout=self._timeout)
                found |= _write_devices(app_id, living.devices)
            for part in _split([uid for uid in uids if uid not in found], MAX_IDENTIFIED):
                gone = await self._devices.IdentifyDevices(
                    device_service_pb2.IdentifyDevicesRequest(
                        app_id=app_id, uids=device_service_pb2.UidList(uids=part)
                    ),
                    timeout=self._timeout,
                )
                found |= _write_devices(app_id, gone.devices)
        return found

    async def watch(self, app_ids: Sequence[UUID], duration: timedelta) -> None:
        request = targeting_pb2.WatchSubscriptionsRequest(
            app_ids=map(str, app_ids), duration=_write_duration(duration)
        )
        with asking("targeting"):
            await self._changes.WatchSubscriptions(request, timeout=self._timeout)


def _split(uids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (uids[start : start + size] for start in range(0, len(uids), size))


def _write_duration(duration: timedelta) -> Duration:
    written = Duration()
    written.FromTimedelta(duration)
    return written


def _write_devices(
    app_id: str, devices: Iterable[device_pb2.Device | device_service_pb2.DeviceIdentity]
) -> Entities:
    """Devices as events tell of them; of a mere identity without its address."""
    return {
        device.uid: {
            "id": device.uid,
            "deviceId": device.device_id,
            "applicationId": app_id,
            "userId": device.user_id,
            "token": device.address if isinstance(device, device_pb2.Device) else "",
            "platform": CODES[wire.PLATFORM_FROM_WIRE[device.platform]],
        }
        for device in devices
    }


def _read_subscription_event(
    told: targeting_pb2.SubscriptionEvent, device: dict[str, Any]
) -> Event:
    kind = SUBSCRIPTION_KINDS[told.kind]
    entity: dict[str, Any] = {
        "device": device,
        "tagName": told.tag_name,
        "subscriptionId": told.subscription_id,
    }
    if kind is EventKind.UNSUBSCRIBED:
        entity["deviceId"] = device["deviceId"]
    return Event(UUID(told.app_id), kind, entity, told.event_time.ToDatetime(UTC))


def _read_event(told: change_service_pb2.DeviceEvent) -> Event:
    kind = KINDS[told.kind]
    entity: dict[str, Any] = {
        "deviceId": told.device_id,
        "userId": told.user_id,
        "token": told.address,
        "platform": CODES[wire.PLATFORM_FROM_WIRE[told.platform]],
    }
    if kind is not EventKind.DEVICE_UPDATED:
        entity |= {"id": told.uid, "applicationId": told.app_id}
    return Event(UUID(told.app_id), kind, entity, told.event_time.ToDatetime(UTC))
