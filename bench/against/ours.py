"""Our side: a house of its own, whose APNs is nginx."""

import asyncio
from pathlib import Path

import httpx

from bench import crowd
from bench.against import gateway
from bench.against.task import (
    ADDRESS,
    ALERT,
    FIRST,
    PHONES,
    REGISTERED,
    ROUNDS,
    Result,
    register,
)
from dev.console import Console
from dev.demo import load_demo
from dev.house import open_house
from services.registry.domain.device import Platform

LOOK_SECONDS = 0.05


async def measure(folder: Path, console: Console) -> Result:
    # The house's own authority: its senders trust nginx as they do the sandbox.
    with gateway.standing(folder, folder / "house" / "sandbox") as apns:
        url = f"https://localhost:{apns.port}"
        told = {"LOG_LEVEL": "WARNING", "GATEWAY_APNS_URL": url, "GATEWAY_APNS_SANDBOX_URL": url}
        async with open_house(folder / "house", console, told=told) as house:
            place = house.place
            demo = await asyncio.to_thread(
                load_demo, place.folder, place.edge, place.sandbox, place.keys.operator_key
            )
            path = f"/imfpush/v1/apps/{demo.app_id}"
            headers = {"host": "carillon", "clientSecret": demo.client_secret}
            body = f'{{"deviceId":"phone-%d","platform":"A","token":"{ADDRESS}%d"}}'
            rate = await register(place.ports.edge_port, f"{path}/devices", headers, body)
            addresses = (f"{ADDRESS}{FIRST + n}" for n in range(REGISTERED, PHONES))
            rest = crowd.phones(demo.app_id, ((Platform.IOS, each) for each in addresses))
            await crowd.register(place.databases.registry_database_url, rest)
            async with httpx.AsyncClient(
                base_url=f"{place.edge}{path}",
                headers={"appSecret": demo.app_secret},
                trust_env=False,
            ) as client:
                broadcasts = [await apns.watch(lambda: _send(client)) for _ in range(ROUNDS)]
    return Result(rate, broadcasts)


async def _send(client: httpx.AsyncClient) -> None:
    """A broadcast, until it is said to have ended."""
    answer = await client.post("/messages", json={"message": {"alert": ALERT}})
    path = f"/messages/{answer.raise_for_status().json()['messageId']}/status"
    while await _status(client, path) != "DISPATCHED":  # noqa: ASYNC110  as a caller must
        await asyncio.sleep(LOOK_SECONDS)


async def _status(client: httpx.AsyncClient, path: str) -> str:
    status: str = (await client.get(path)).raise_for_status().json()["status"]
    return status
