"""Whose pages may call an application: anybody's, unless it admits its own web sites only."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import grpc

from carillon.registry.v1 import application_service_pb2, gateway_service_pb2
from services.edge.rooms import Rooms

PATH = re.compile(r"/+imfpush/v1/apps/([0-9a-f-]{36})(?:/|$)", re.IGNORECASE)
ANY = "*"
NONE = ""
MAX_APPS = 1000
PORTS = {"http": 80, "https": 443}

# The origins that are admitted; None admits any.
Sites = frozenset[tuple[str, str, int | None]] | None


class Origins:
    """What is known of an application is believed for some seconds; browsers ask often."""

    def __init__(self, rooms: Rooms, seconds: float, clock: Callable[[], float]) -> None:
        self._rooms = rooms
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Sites]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Sites]] = {}

    async def admit(self, path: str, origin: str) -> str:
        """What `Access-Control-Allow-Origin` says to this origin; empty if it may not call."""
        found = PATH.match(path)
        sites = await self._find(found[1].lower()) if found else None
        if sites is None:
            return ANY
        return origin if _read(origin) in sites else NONE

    def forget(self, app_id: str) -> None:
        """Ask anew about this application: it was changed here."""
        self._known.pop(app_id, None)

    async def _find(self, app_id: str) -> Sites:
        ends, sites = self._known.get(app_id, (0.0, None))
        if ends > self._clock():
            return sites
        asking = self._asking.get(app_id)
        if asking is None:
            asking = asyncio.create_task(self._ask(app_id))
            self._asking[app_id] = asking
            asking.add_done_callback(lambda _: self._asking.pop(app_id, None))
        try:
            return await asyncio.shield(asking)
        except grpc.aio.AioRpcError:
            # The call itself fails for the same reason, and the page may know.
            return None

    async def _ask(self, app_id: str) -> Sites:
        sites: Sites = None
        read = await self._rooms.applications.GetApplication(
            application_service_pb2.GetApplicationRequest(app_id=app_id),
            timeout=self._rooms.timeout,
        )
        if read.application.web_sites_only:
            listed = await self._rooms.gateways.ListGatewayConfigurations(
                gateway_service_pb2.ListGatewayConfigurationsRequest(app_id=app_id),
                timeout=self._rooms.timeout,
            )
            sites = frozenset(map(_read, _list_urls(listed)))
        self._known[app_id] = (self._clock() + self._seconds, sites)
        self._known.move_to_end(app_id)
        if len(self._known) > MAX_APPS:
            self._known.popitem(last=False)
        return sites


def _list_urls(listed: gateway_service_pb2.ListGatewayConfigurationsResponse) -> Iterable[str]:
    for configuration in listed.configurations:
        for url in (configuration.web_push.web_site_url, configuration.safari.web_site_url):
            if url:
                yield url


def _read(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what makes an origin."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None
