"""Devices: what an app's installation registers, and what back ends look up."""

import msgspec
from starlette.responses import Response

from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1.device_pb2 import Device, DeviceState
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.book import Book
from services.edge.browser_tokens import BrowserTokens
from services.edge.door import APP, Call, Door
from services.edge.links import Links
from services.edge.names import PLATFORM_CODES
from services.edge.platforms import read_platform
from services.edge.rooms import Rooms
from services.edge.routing import Route
from services.edge.times import write_time

ANONYMOUS = "anonymous"
MAX_USER_AGENT = 512
# To clients a quarantined device is absent: only then do SDKs register it anew.
VISIBLE_TO_CLIENTS = frozenset({DeviceState.DEVICE_STATE_ACTIVE})
VISIBLE_TO_BACK_ENDS = VISIBLE_TO_CLIENTS | {DeviceState.DEVICE_STATE_QUARANTINED}


class DeviceBody(msgspec.Struct, rename="camel"):
    device_id: str | None = None
    token: str | None = None
    platform: str | None = None
    user_id: str | None = None
    variables: dict[str, str] | None = None


class Devices:
    def __init__(self, rooms: Rooms, links: Links, tokens: BrowserTokens) -> None:
        self._rooms = rooms
        self._book = Book(rooms)
        self._links = links
        self._tokens = tokens

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(
                APP + "/devices/{device_id:path}",
                GET=(Access.CLIENT_READ, self._read),
                PUT=(Access.CLIENT_WRITE, self._update),
                DELETE=(Access.CLIENT_DELETE, self._delete),
            ),
        ]

    async def create(self, call: Call) -> Response:
        """Register a device, or vouch anew for one that is known: always 201."""
        body = await call.read(DeviceBody)
        if not body.device_id:
            raise problems.required("deviceId")
        if not body.token:
            raise problems.required("token")
        if not body.platform:
            raise problems.required("platform")
        user_id = _read_attached_user(call, body)
        platform = read_platform(body.platform, "platform")
        await self._tokens.check(platform, body.token)
        device = Device(
            device_id=body.device_id,
            platform=platform,
            address=body.token,
            user_id=user_id,
            variables=body.variables,
            user_agent=_read_user_agent(call),
        )
        registered = await self._book.register(call.app_id, device)
        return answer(render(registered, call.app_id, self._links), status=201)

    async def _read(self, call: Call) -> Response:
        device_id = call.name("device_id")
        device = await self._book.find(call.app_id, device_id)
        if device.state not in visible_to(call):
            raise problems.missing("Device", "deviceId", device_id)
        return answer(render(device, call.app_id, self._links))

    async def _update(self, call: Call) -> Response:
        """Keep what is absent, except the user: a PUT without `userId` detaches it."""
        device_id = call.name("device_id")
        body = await call.read(DeviceBody)
        if body.device_id not in {None, device_id}:
            raise problems.invalid("deviceId", "cannot be changed")
        if body.token == "":
            raise problems.invalid("token", "must not be empty")
        device = Device(device_id=device_id, user_id=_read_attached_user(call, body))
        mask = ["user_id"]
        if body.platform:
            device.platform = read_platform(body.platform, "platform")
            mask.append("platform")
        if body.token is not None:
            await self._check_token(call, device, body.token)
            device.address = body.token
            mask.append("address")
        if body.variables is not None:
            device.variables.update(body.variables)
            mask.append("variables")
        request = pb.UpdateDeviceRequest(app_id=call.app_id, device=device)
        request.update_mask.paths.extend(mask)
        updated = await self._rooms.devices.UpdateDevice(request, timeout=self._rooms.timeout)
        return answer(render(updated.device, call.app_id, self._links))

    async def _check_token(self, call: Call, device: Device, token: str) -> None:
        """Judge it by the platform on record where the body names none."""
        platform = device.platform
        if not platform:
            platform = (await self._book.find(call.app_id, device.device_id)).platform
        await self._tokens.check(platform, token)

    async def _delete(self, call: Call) -> Response:
        await self._rooms.devices.DeleteDevice(
            pb.DeleteDeviceRequest(app_id=call.app_id, device_id=call.name("device_id")),
            timeout=self._rooms.timeout,
        )
        return no_content()


def visible_to(call: Call) -> frozenset["DeviceState.ValueType"]:
    """The states of devices that the caller is shown."""
    return VISIBLE_TO_BACK_ENDS if call.is_back_end else VISIBLE_TO_CLIENTS


def read_asked_user(call: Call) -> str | None:
    """The user whose part of a list is asked for; None where any will do.

    Raises:
        Problem: 400 for `anonymous`: most devices may be nobody's, and no index tells them apart.
    """
    name = call.query("userId")
    if name == ANONYMOUS:
        raise problems.invalid("userId", f"must name a user; '{ANONYMOUS}' is none")
    return name or None


def _read_attached_user(call: Call, body: DeviceBody) -> str:
    """The user to attach, empty for nobody: whoever names one must have proved itself."""
    if not body.user_id or body.user_id == ANONYMOUS:
        return ""
    call.demand(Access.ATTACH_USER)
    return body.user_id


def _read_user_agent(call: Call) -> str:
    agent = call.request.headers.get("user-agent", "")
    return "".join(letter for letter in agent if letter.isprintable())[:MAX_USER_AGENT]


def render(device: Device, app_id: str, links: Links) -> dict[str, str]:
    rendered = {
        "deviceId": device.device_id,
        "token": device.address,
        "platform": PLATFORM_CODES.get(device.platform, "UNKNOWN"),
        "userId": device.user_id or ANONYMOUS,
        "createdTime": write_time(device.create_time),
        "lastUpdatedTime": write_time(device.update_time),
        "createdMode": "API",
        "href": links.app(app_id, "devices", device.device_id),
    }
    if device.user_agent:
        rendered["userAgent"] = device.user_agent
    return rendered
