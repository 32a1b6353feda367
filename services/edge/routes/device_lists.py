"""Lists of devices: all, of a user, of platforms, or subscribed to a tag."""

import asyncio
from collections.abc import Iterable

from starlette.responses import Response

from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1.device_pb2 import Device
from carillon.targeting.v1 import subscription_service_pb2 as subscription_pb
from carillon.type.v1.platform_pb2 import Platform
from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.filters import EXACT, read_filters
from services.edge.links import Links
from services.edge.names import PLATFORM_CODES
from services.edge.pages import Listed, Page, Pager, read_page
from services.edge.platforms import read_platform
from services.edge.rooms import Rooms
from services.edge.routes import devices, reports
from services.edge.routing import Route

FILTERS = {"platform": frozenset({EXACT})}
# What registry takes in one BatchGetDevices.
MAX_READ = 200


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
            ),
            door.route(APP + "/devices/report", GET=(Access.READ, self._report)),
        ]

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        platforms = _read_platforms(call)
        if platforms is not None and not platforms:
            return self._answer(call, pb.ListDevicesResponse(), [])
        if call.query("tagName"):
            return await self._list_subscribed(call, page, platforms)
        request = pb.ListDevicesRequest(
            app_id=call.app_id,
            platforms=platforms or (),
            page_size=page.size,
            page_token=page.cursor,
            skip=page.offset,
            user_id=devices.read_asked_user(call),
        )
        listed = await self._rooms.devices.ListDevices(request, timeout=self._rooms.timeout)
        return self._answer(call, listed, listed.devices)

    async def _list_subscribed(
        self, call: Call, page: Page, platforms: set["Platform.ValueType"] | None
    ) -> Response:
        request = subscription_pb.ListSubscriptionsRequest(
            app_id=call.app_id,
            tag_name=call.query("tagName"),
            platforms=platforms or (),
            page_size=page.size,
            page_token=page.cursor,
            skip=page.offset,
            user_id=devices.read_asked_user(call),
        )
        listed = await self._rooms.subscriptions.ListSubscriptions(
            request, timeout=self._rooms.timeout
        )
        # Targeting counts subscriptions, those of devices included that are not listed.
        listed.ClearField("total_size")
        found = await self._read(call.app_id, [one.uid for one in listed.subscriptions])
        return self._answer(call, listed, found)

    async def _read(self, app_id: str, uids: list[int]) -> list[Device]:
        """The devices behind uids, without those that are gone since targeting named them."""
        parts = [uids[start : start + MAX_READ] for start in range(0, len(uids), MAX_READ)]
        reads = (
            self._rooms.devices.BatchGetDevices(
                pb.BatchGetDevicesRequest(app_id=app_id, uids=part), timeout=self._rooms.timeout
            )
            for part in parts
        )
        return [device for read in await asyncio.gather(*reads) for device in read.devices]

    def _answer(self, call: Call, listed: Listed, found: Iterable[Device]) -> Response:
        visible = devices.visible_to(call)
        rendered = [
            devices.render(device, call.app_id, self._links)
            for device in found
            if device.state in visible
        ]
        described = self._pager.tell(call.request, listed, len(rendered))
        return answer({"devices": rendered, "pageInfo": described})

    async def _report(self, call: Call) -> Response:
        """Registrations by day, and how many devices there are now."""
        report = await self._rooms.devices.GetDeviceReport(
            pb.GetDeviceReportRequest(app_id=call.app_id, days=reports.read_days(call)),
            timeout=self._rooms.timeout,
        )
        days: dict[str, dict[str, int]] = {}
        for each in report.registrations:
            code = PLATFORM_CODES.get(each.platform, "UNKNOWN")
            platforms = days.setdefault(each.date, {})
            platforms[code] = platforms.get(code, 0) + each.count
        rendered = [
            {"date": date, "registered": sum(platforms.values()), "platforms": platforms}
            for date, platforms in days.items()
        ]
        return answer({"deviceReport": rendered, "totalDevices": report.device_count})


def _read_platforms(call: Call) -> set["Platform.ValueType"] | None:
    """The platforms that every filter allows; None without a filter."""
    platforms: set[Platform.ValueType] | None = None
    for condition in read_filters(call.request, FILTERS):
        named = {read_platform(code, "filter") for code in condition.values}
        platforms = named if platforms is None else platforms & named
    return platforms
