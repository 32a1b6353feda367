"""The edge on a socket, with one application in it, as the SDKs find it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from services.edge.serving import serve
from services.kit.process import House
from tests.edge.conftest import APP_ID, World, edge_settings, house, world
from tests.sdks.line import Line, connected

__all__ = ["edge_settings", "house", "world"]

APP = f"/imfpush/v1/apps/{APP_ID}"


@dataclass(frozen=True, slots=True)
class Service:
    """What an app's owner sets up before any SDK calls, and looks at afterwards."""

    world: World
    line: Line
    port: int
    app_secret: str
    client_secret: str

    async def configure_android(self) -> None:
        body = {"apiKey": "AAAA:legacy", "senderId": "123456789012"}
        answer = await self.world.call("PUT", "/settings/gcmConf", json=body)
        assert answer.status_code == 200, answer.text

    async def create_tags(self, *names: str) -> None:
        for name in names:
            await self.world.create_tag(name)


@pytest.fixture
async def service(world: World, house: House) -> AsyncIterator[Service]:
    port = await serve(house, world.app, "127.0.0.1:0")
    async with connected(port) as line:
        yield Service(world, line, port, world.back_end["appSecret"], world.client["clientSecret"])
