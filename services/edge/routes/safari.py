"""What Safari itself asks of a website that wants to push: Apple's protocol, not ours.

No secret of the application can come with it. A package is given to whoever asks, within bounds;
later calls show the token that was in it.
"""

import re
from typing import TypeVar

import msgspec
import structlog
from starlette.responses import Response

from carillon.registry.v1 import website_service_pb2 as pb
from services.edge import bodies, problems
from services.edge.access import Access
from services.edge.door import APP, Call, Door
from services.edge.links import Links
from services.edge.rooms import Rooms
from services.edge.routing import Route

log = structlog.get_logger()

T = TypeVar("T")

MAX_USER_BYTES = 4096
MAX_LOG_BYTES = 16 * 1024
MAX_LOG_LINES = 10
MAX_LOG_LINE = 300
MAX_ADDRESS = 512
# Each costs a signature.
MAX_PACKAGES_AT_ONCE = 8
VERSIONS = {"v1": 1, "v2": 2}
SCHEME = "applepushnotifications"
# Addresses, tokens and ids: a log line is not the place for them.
LONG_WORD = re.compile(r"[A-Za-z0-9_.-]{32,}")


class UserBody(msgspec.Struct, rename="camel"):
    """What the website's page told Safari of its user."""

    device_id: str | None = None


class LogBody(msgspec.Struct):
    logs: list[str] = []


class Safari:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links
        self._building = 0

    def routes(self, door: Door) -> list[Route]:
        path = APP + "/settings/safariWebConf/{version}"
        registration = path + "/devices/{device_token}/registrations/{website_push_id}"
        public = Access.OPEN
        return [
            door.route(path + "/pushPackages/{website_push_id}", POST=(public, self._build)),
            door.route(registration, POST=(public, self._grant), DELETE=(public, self._withdraw)),
            door.route(path + "/log", POST=(public, self._complain)),
        ]

    async def _build(self, call: Call) -> Response:
        version = _read_version(call)
        user = await _read(call, UserBody, MAX_USER_BYTES)
        if self._building >= MAX_PACKAGES_AT_ONCE:
            raise problems.unavailable()
        request = pb.BuildPushPackageRequest(
            app_id=call.app_id,
            website_push_id=call.name("website_push_id"),
            web_service_url=self._links.app(call.app_id, "settings", "safariWebConf"),
            device_id=user.device_id or "",
            version=version,
        )
        self._building += 1
        try:
            built = await self._rooms.websites.BuildPushPackage(
                request, timeout=self._rooms.timeout
            )
        finally:
            self._building -= 1
        return Response(built.package, media_type="application/zip")

    async def _grant(self, call: Call) -> Response:
        _read_version(call)
        _read_address(call)
        request = pb.GrantPermissionRequest(
            app_id=call.app_id,
            website_push_id=call.name("website_push_id"),
            authentication_token=_read_token(call),
        )
        await self._rooms.websites.GrantPermission(request, timeout=self._rooms.timeout)
        return Response()

    async def _withdraw(self, call: Call) -> Response:
        _read_version(call)
        request = pb.WithdrawPermissionRequest(
            app_id=call.app_id,
            website_push_id=call.name("website_push_id"),
            authentication_token=_read_token(call),
            address=_read_address(call),
        )
        await self._rooms.websites.WithdrawPermission(request, timeout=self._rooms.timeout)
        return Response()

    async def _complain(self, call: Call) -> Response:
        """Keep in the log what Safari says went wrong, as far as a log may say it."""
        _read_version(call)
        said = (await _read(call, LogBody, MAX_LOG_BYTES)).logs
        for line in said[:MAX_LOG_LINES]:
            log.warning(
                "safari.complained",
                app_id=call.app_id,
                text=LONG_WORD.sub("…", line)[:MAX_LOG_LINE],
            )
        return Response()


def _read_version(call: Call) -> int:
    version = VERSIONS.get(call.name("version").lower())
    if version is None:
        raise problems.no_such_path()
    return version


def _read_address(call: Call) -> str:
    address = call.name("device_token")
    if len(address) > MAX_ADDRESS or not (address.isascii() and address.isalnum()):
        raise problems.invalid("deviceToken", f"must be at most {MAX_ADDRESS} letters and digits")
    return address


def _read_token(call: Call) -> str:
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == SCHEME else ""


async def _read(call: Call, shape: type[T], limit: int) -> T:
    """A JSON body, however its type is spelt; none is an empty one."""
    body = bodies.strip_mark(await bodies.read_bytes(call.request, limit))
    return bodies.convert(bodies.decode(body) if body.strip() else {}, shape)
