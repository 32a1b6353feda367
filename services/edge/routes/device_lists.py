"""Lists of devices: all, of a user, of platforms, or subscribed to a tag."""

import asyncio

import grpc
from starlette.responses import Response
from starlette.routing import Route

from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1.device_pb2 import Device
from carillon.targeting.v1 import subscription_service_pb2 as subscription_pb
from carillon.type.v1.platform_pb2 import Platform
from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.filters import EXACT, read_filters
from services.edge.links import Links
from services.edge.pages import Page, Pager, read_page
from services.edge.platforms import read_platform
from services.edge.rooms import Rooms
from services.edge.routes import devices
from services.kit.client import read_fault

FILTERS = {"platform": frozenset({EXACT})}
MAX_READS_AT_ONCE = 32


class DeviceLists:
    def __init__(self, rooms: Rooms, links: Links, single: devices.Devices) -> None:
        self._rooms = rooms
        self._links = links
        self._pager = Pager(links)
        self._single = single

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(
                APP + "/devices",
                GET=(Access.LIST_DEVICES, self._list),
                POST=(Access.CLIENT_WRITE, self._single.create),
            )
        ]

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        platforms = _read_platforms(call)
        if platforms is not None and not platforms:
            return self._answer(call, page, [], 0, "")
        if call.query("tagName"):
            return await self._list_subscribed(call, page, platforms)
        request = pb.ListDevicesRequest(
            app_id=call.app_id,
            platforms=list(platforms or ()),
            page_size=page.size,
            page_token=page.cursor,
            skip=page.offset,
        )
        if call.query("userId"):
            request.user_id = devices.read_user_id(call.query("userId"))
        listed = await self._rooms.devices.ListDevices(request, timeout=self._rooms.timeout)
        found = list(listed.devices)
        return self._answer(call, page, found, listed.total_size, listed.next_page_token)

    async def _list_subscribed(
        self, call: Call, page: Page, platforms: set["Platform.ValueType"] | None
    ) -> Response:
        request = subscription_pb.ListSubscriptionsRequest(
            app_id=call.app_id,
            tag_name=call.query("tagName"),
            page_size=page.size,
            page_token=page.cursor,
            skip=page.offset,
        )
        if call.query("userId"):
            request.user_id = devices.read_user_id(call.query("userId"))
        listed = await self._rooms.subscriptions.ListSubscriptions(
            request, timeout=self._rooms.timeout
        )
        gate = asyncio.Semaphore(MAX_READS_AT_ONCE)
        read = await asyncio.gather(
            *(self._read(call.app_id, one.device_id, gate) for one in listed.subscriptions)
        )
        found = [
            device
            for device in read
            if device and (platforms is None or device.platform in platforms)
        ]
        # Targeting counts a tag's devices, not those of a platform among them.
        total = listed.total_size if platforms is None else None
        return self._answer(call, page, found, total, listed.next_page_token)

    async def _read(self, app_id: str, device_id: str, gate: asyncio.Semaphore) -> Device | None:
        """The device, unless it is gone since targeting named it."""
        request = pb.GetDeviceRequest(app_id=app_id, device_id=device_id)
        try:
            async with gate:
                read = await self._rooms.devices.GetDevice(request, timeout=self._rooms.timeout)
        except grpc.aio.AioRpcError as error:
            if read_fault(error).reason == "DEVICE_NOT_FOUND":
                return None
            raise
        visible = read.device.state in devices.VISIBLE_TO_BACK_ENDS
        return read.device if visible else None

    def _answer(
        self, call: Call, page: Page, found: list[Device], total: int | None, token: str
    ) -> Response:
        rendered = [devices.render(device, call.app_id, self._links) for device in found]
        described = self._pager.describe(
            call.request, page, count=len(rendered), total=total, next_token=token
        )
        return answer({"devices": rendered, "pageInfo": described})


def _read_platforms(call: Call) -> set["Platform.ValueType"] | None:
    """The platforms that every filter allows; None without a filter."""
    platforms: set[Platform.ValueType] | None = None
    for condition in read_filters(call.request, FILTERS):
        named = {read_platform(code, "filter") for code in condition.values}
        platforms = named if platforms is None else platforms & named
    return platforms
