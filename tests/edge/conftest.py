"""The edge among its neighbours: real gRPC between them, and an HTTP client that calls it."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from services.edge.admission import Admission
from services.edge.app import Edge, build_app, open_admission
from services.edge.rooms import open_rooms
from services.edge.routes.identity import API_KEY_GRANT
from services.edge.settings import Settings
from services.kit.process import House
from services.kit.server import new_server, serve
from tests.contract.checker import checker
from tests.edge.rooms.channels import Channels
from tests.edge.rooms.dispatch import Dispatch
from tests.edge.rooms.registry import Registry
from tests.edge.rooms.targeting import Targeting
from tests.edge.rooms.webhooks import Webhooks

OPERATOR_KEY = "operator-key-for-tests-0123456789abcdef"
OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}
TOKEN_KEY = "first:" + base64.b64encode(b"t" * 32).decode()
PUBLIC = "https://push.example.com"
APP_ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
APPS = "/imfpush/v1/apps"
PHONE = {"deviceId": "phone", "token": "fcm-token", "platform": "G"}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """The edge, its neighbours, and one application with its secrets."""

    registry: Registry
    targeting: Targeting
    dispatch: Dispatch
    channels: Channels
    webhooks: Webhooks
    clock: Clock
    app: Edge
    settings: Settings
    http: httpx.AsyncClient
    client: dict[str, str]
    back_end: dict[str, str]
    api_key: str
    admission: Admission

    async def token(self, role: str) -> dict[str, str]:
        """The header of whoever holds an API key of this role."""
        made = await self.post("/apiKeys", {"role": role})
        form = {"grant_type": API_KEY_GRANT, "apikey": made.json()["apikey"]}
        minted = await self.http.post("/identity/token", data=form)
        return {"Authorization": f"Bearer {minted.json()['access_token']}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call as the back end, below the application's own path."""
        options.setdefault("headers", self.back_end)
        return await self.http.request(method, f"{APPS}/{APP_ID}{path}", **options)

    async def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return await self.call("POST", path, json=body, **options)

    async def register(self, **changes: Any) -> None:
        answer = await self.post("/devices", PHONE | changes)
        assert answer.status_code == 201, answer.text

    async def create_tag(self, name: str) -> None:
        answer = await self.post("/tags", {"name": name})
        assert answer.status_code == 201, answer.text

    async def send(self, **changes: Any) -> str:
        answer = await self.post("/messages", {"message": {"alert": "Hello"}} | changes)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["messageId"])


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House() as opened:
        yield opened


@pytest.fixture
async def edge_settings() -> Settings:
    return Settings(
        operator_key=OPERATOR_KEY, token_keys=(TOKEN_KEY,), public_url=PUBLIC, room_timeout=5.0
    )


async def start(
    house: House, name: str, *parts: Registry | Targeting | Dispatch | Channels | Webhooks
) -> str:
    """Serve a room in this process; return its address."""
    server = new_server(name)
    for part in parts:
        part.add_to(server)
    port = await serve(house, server, "127.0.0.1:0", [])
    return f"127.0.0.1:{port}"


@pytest.fixture
async def world(house: House, edge_settings: Settings) -> AsyncIterator[World]:
    registry = Registry()
    targeting = Targeting(registry)
    dispatch, channels, webhooks = Dispatch(registry), Channels(), Webhooks()
    settings = replace(
        edge_settings,
        registry_address=await start(house, "registry", registry),
        targeting_address=await start(house, "targeting", targeting),
        dispatch_address=await start(house, "dispatch", dispatch, channels, webhooks),
    )
    clock = Clock()
    rooms = open_rooms(house, settings)
    admission = open_admission(rooms, settings, clock)
    app = build_app(rooms, settings, admission, clock)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://edge",
        event_hooks={"response": [checker().check]},
    ) as http:
        created = await http.post(APPS, json={"applicationId": APP_ID}, headers=OPERATOR)
        secrets = created.json()
        yield World(
            registry,
            targeting,
            dispatch,
            channels,
            webhooks,
            clock,
            app,
            settings,
            http,
            client={"clientSecret": secrets["clientSecret"]},
            back_end={"appSecret": secrets["appSecret"]},
            api_key=secrets["apikey"],
            admission=admission,
        )
