"""How soon does what was revoked stop working, at every edge, and what does a known caller cost?"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio

from services.edge.app import build_app, open_admission
from services.edge.rooms import open_rooms
from services.edge.settings import Settings
from services.kit.process import House
from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE
from tests.house.waiting import until

pytestmark = HOUSE

PROMISED_SECONDS = 5.0
JUDGING, READING = "AccessService/AuthenticateCallers", "DeviceService/BatchFindDevices"
GRANT = "urn:ibm:params:oauth:grant-type:apikey"


@dataclass
class Edges:
    """Two edges of one house: what is changed at the first is noticed by the second."""

    app: App
    second: httpx.AsyncClient

    async def ask(self, headers: dict[str, str], path: str = "/tags") -> tuple[int, int]:
        url = f"/imfpush/v1/apps/{self.app.demo.app_id}{path}"
        first = await self.app.client.get(f"/apps/{self.app.demo.app_id}{path}", headers=headers)
        second = await self.second.get(url, headers=headers)
        return first.status_code, second.status_code


@pytest_asyncio.fixture(loop_scope="session")
async def edges(world: World, app: App) -> AsyncIterator[Edges]:
    keys, ports = world.house.place.keys, world.house.place.ports
    settings = Settings(
        operator_key=keys.operator_key,
        token_keys=(keys.token_key,),
        registry_address=f"127.0.0.1:{ports.registry_port}",
        targeting_address=f"127.0.0.1:{ports.targeting_port}",
        dispatch_address=f"127.0.0.1:{ports.dispatch_port}",
    )
    async with House() as house:
        rooms = open_rooms(house, settings)
        admission = open_admission(rooms, settings, time.monotonic)
        house.keep_running("admission", admission.watch())
        edge = httpx.ASGITransport(build_app(rooms, settings, admission))
        async with httpx.AsyncClient(transport=edge, base_url="http://second") as second:
            yield Edges(app, second)


async def mint(world: World, app: App) -> tuple[str, dict[str, str]]:
    """An API key's id, and the header of a token minted from it."""
    made = (await app.ask("POST", "/apiKeys", {"role": "Reader"})).json()
    url = f"{world.house.place.edge}/identity/token"
    form = {"grant_type": GRANT, "apikey": made["apikey"]}
    minted = (await app.client.post(url, data=form)).json()
    app.secrets |= {made["apikey"], minted["access_token"], minted["refresh_token"]}
    return made["keyId"], {"Authorization": f"Bearer {minted['access_token']}"}


async def measure(ask: Callable[[], Awaitable[tuple[int, int]]]) -> float:
    """Seconds until both edges refuse."""
    began = time.monotonic()
    await until(ask, (401, 401).__eq__, limit=PROMISED_SECONDS)
    return time.monotonic() - began


async def test_a_token_of_a_revoked_key_ends_everywhere(
    world: World, app: App, edges: Edges
) -> None:
    key_id, bearer = await mint(world, app)
    before = await edges.ask(bearer)
    await app.ask("DELETE", f"/apiKeys/{key_id}")
    seconds = await measure(lambda: edges.ask(bearer))

    assert before == (200, 200)
    assert seconds < PROMISED_SECONDS


async def test_a_secret_replaced_without_an_overlap_ends_everywhere(app: App, edges: Edges) -> None:
    before = await edges.ask(app.any_client)
    rotated = await app.ask("POST", "/secrets/clientSecret", {"overlapSeconds": 0})
    new = {"clientSecret": rotated.json()["clientSecret"]}
    app.secrets |= set(new.values())
    seconds = await measure(lambda: edges.ask(app.any_client))

    assert before == (200, 200)
    assert seconds < PROMISED_SECONDS
    assert await edges.ask(new) == (200, 200)


async def test_an_overlap_ends_by_itself_everywhere(app: App, edges: Edges) -> None:
    rotated = await app.ask("POST", "/secrets/clientSecret", {"overlapSeconds": 1})
    app.secrets.add(rotated.json()["clientSecret"])
    within = await edges.ask(app.any_client)
    seconds = await measure(lambda: edges.ask(app.any_client))

    assert within == (200, 200)
    assert seconds < 1 + PROMISED_SECONDS


async def test_a_switched_off_application_is_closed_everywhere(
    world: World, app: App, edges: Edges
) -> None:
    before = await edges.ask(app.back_end)
    operator = {"Authorization": f"Bearer {world.house.place.keys.operator_key}"}
    await world.rest.put(f"/apps/{app.demo.app_id}", json={"enabled": False}, headers=operator)
    closed = await until(lambda: edges.ask(app.back_end), (409, 409).__eq__, limit=PROMISED_SECONDS)

    assert (before, closed) == ((200, 200), (409, 409))


async def count(world: World, method: str) -> int:
    return len(
        world.transcript.events(event="rpc", method=f"/carillon.registry.v1.{method}", code="OK")
    )


async def test_a_known_caller_costs_no_call_of_its_own(world: World, app: App) -> None:
    phone = await app.register("G")
    path = f"/devices/{phone.device_id}"
    _, bearer = await mint(world, app)
    callers: list[dict[str, Any]] = [app.any_client, app.back_end, bearer]
    for headers in callers:
        await app.ask("GET", path, headers=headers)
    judged, read = await count(world, JUDGING), await count(world, READING)
    for headers in callers * 20:
        await app.client.get(f"/apps/{app.demo.app_id}{path}", headers=headers)
    await until(lambda: count(world, READING), lambda reads: reads >= read + 60)

    assert await count(world, JUDGING) == judged
