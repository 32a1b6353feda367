"""The edge as an ASGI application, put together from its rooms."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from services.edge.admission import Admission
from services.edge.browser_tokens import BrowserTokens
from services.edge.cors import Cors, Preflights
from services.edge.door import Door
from services.edge.judging import Judging
from services.edge.links import Links
from services.edge.observer import Observer
from services.edge.origins import Origins
from services.edge.receipts import Receipts
from services.edge.rooms import Rooms
from services.edge.routes import health
from services.edge.routes.api_keys import ApiKeys
from services.edge.routes.apps import Apps
from services.edge.routes.channels import ChannelGroups, Channels
from services.edge.routes.circuits import Circuits
from services.edge.routes.deliveries import Deliveries
from services.edge.routes.device_lists import DeviceLists
from services.edge.routes.devices import Devices
from services.edge.routes.identity import Identity
from services.edge.routes.messages import Messages, SingleMessage
from services.edge.routes.quarantine import Quarantine
from services.edge.routes.reference import Reference
from services.edge.routes.safari import Safari
from services.edge.routes.secrets import Secrets
from services.edge.routes.settings import Settings as GatewaySettings
from services.edge.routes.subscriptions import Subscriptions
from services.edge.routes.tags import Tags
from services.edge.routes.web_sites import WebSites
from services.edge.routes.webhooks import Webhooks
from services.edge.routes.weights import Weights
from services.edge.routing import Route, Routing
from services.edge.settings import Settings
from services.edge.tokens import Tokens, read_keys
from services.kit.egress import EgressGuard


@dataclass(frozen=True, slots=True)
class Edge:
    """The whole REST API, as an ASGI application."""

    routes: Sequence[Route]
    _app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def open_admission(rooms: Rooms, settings: Settings, clock: Callable[[], float]) -> Admission:
    """Whoever opens it keeps its `watch` running; `clock` is monotonic, in seconds."""
    judging = Judging(rooms, settings.auth_cache_seconds, clock)
    return Admission(judging, Tokens(read_keys(settings.token_keys)), settings.operator_key)


def build_app(
    rooms: Rooms,
    settings: Settings,
    admission: Admission,
    clock: Callable[[], float] = time.monotonic,
) -> Edge:
    origins = Origins(rooms, settings.auth_cache_seconds, clock)
    tokens = BrowserTokens(EgressGuard.allowing(settings.egress_allow), clock)
    routes = _list_routes(rooms, settings, admission, origins, tokens)
    return Edge(routes, Cors(Observer(Preflights(Routing(routes))), origins))


def _list_routes(
    rooms: Rooms,
    settings: Settings,
    admission: Admission,
    origins: Origins,
    tokens: BrowserTokens,
) -> list[Route]:
    """Fixed paths stand before the parameters that would swallow them."""
    door = Door(admission, settings.max_body_bytes)
    links = Links(settings.public_url)
    devices = Devices(rooms, links, tokens)
    return [
        *health.routes(door),
        *Reference(settings.public_url).routes(door),
        *Identity(admission, admission.tokens).routes(door),
        *Apps(rooms, links, admission).routes(door),
        *ApiKeys(rooms, links, admission).routes(door),
        *Secrets(rooms, admission).routes(door),
        *WebSites(rooms, origins).routes(door),
        *GatewaySettings(rooms, links).routes(door),
        *Safari(rooms, links).routes(door),
        *DeviceLists(rooms, links, devices).routes(door),
        *devices.routes(door),
        *Quarantine(rooms).routes(door),
        *Circuits(rooms).routes(door),
        *Weights(rooms).routes(door),
        *Tags(rooms, links).routes(door),
        *Subscriptions(rooms, links, strict=settings.strict_subscriptions).routes(door),
        *Webhooks(rooms, links).routes(door),
        *Channels(rooms, links).routes(door),
        *ChannelGroups(rooms, links).routes(door),
        *Messages(rooms, links).routes(door),
        *Deliveries(rooms, links, SingleMessage(rooms, links), Receipts(rooms)).routes(door),
    ]
