"""The feeds of registry, as the gatherer reads them: what happened, in the REST API's words."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.duration_pb2 import Duration

from carillon.registry.v1 import change_service_pb2, change_service_pb2_grpc
from services.dispatch.api import wire
from services.dispatch.api.rooms import asking
from services.dispatch.domain.platforms import CODES
from services.dispatch.domain.rooms import Happenings
from services.dispatch.domain.webhooks import DEVICES, Event, EventKind

KINDS: dict[int, EventKind] = {
    change_service_pb2.DEVICE_EVENT_KIND_REGISTERED: EventKind.DEVICE_REGISTERED,
    change_service_pb2.DEVICE_EVENT_KIND_UPDATED: EventKind.DEVICE_UPDATED,
    change_service_pb2.DEVICE_EVENT_KIND_UNREGISTERED: EventKind.DEVICE_UNREGISTERED,
}


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
        lasting = Duration()
        lasting.FromTimedelta(duration)
        request = change_service_pb2.WatchDevicesRequest(
            app_ids=map(str, app_ids), duration=lasting
        )
        with asking("registry"):
            await self._changes.WatchDevices(request, timeout=self._timeout)


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
