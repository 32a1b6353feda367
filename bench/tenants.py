"""Three applications in one house, and a gateway that tells when it was asked for whom.

One broadcasts to everybody it has; one sends to single devices; one has 10,000 devices.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bench import crowd, nginx
from bench.log import Log
from dev.demo import Demo, load_demo
from dev.house import House, open_house
from services.registry.domain.device import Platform
from services.sandbox import certificates
from services.sandbox.addresses import fresh_apns

SINGLES, MANY = 200, 10_000
# Addresses begin so, and the gateway writes down when it was asked for them. None of a million that
# are drawn by lot begins so.
SINGLE, ONE_OF_MANY = "a" * 16, "b" * 16
DIGITS = 64
TIMED = f"^/3/device/({SINGLE}|{ONE_OF_MANY})"
GATEWAY_URLS = ("GATEWAY_APNS_URL", "GATEWAY_APNS_SANDBOX_URL")
# Between two single sends, which wait for nobody.
PACE_SECONDS = 0.04
# Until the gateway's log is written.
FLUSH_SECONDS = 1.0
# Until the last single send must have arrived.
ARRIVAL_SECONDS = 60.0
ENDED = {"DISPATCHED", "DISPATCHING_FAILED", "FAILED", "PROCESSING_FAILED"}


class Tenant:
    """A back end of one application."""

    def __init__(self, client: httpx.AsyncClient, demo: Demo) -> None:
        self.app_id = demo.app_id
        self._client = client
        self._path = f"/imfpush/v1/apps/{demo.app_id}"
        self._headers = {"appSecret": demo.app_secret}

    async def send(self, target: dict[str, Any] | None = None) -> str:
        body = {"message": {"alert": "A word to you"}, "target": target or {}}
        answer = await self._client.post(f"{self._path}/messages", json=body, headers=self._headers)
        message_id: str = answer.raise_for_status().json()["messageId"]
        return message_id

    async def has_ended(self, message_id: str) -> bool:
        path = f"{self._path}/messages/{message_id}/status"
        answer = await self._client.get(path, headers=self._headers)
        return answer.raise_for_status().json()["status"] in ENDED

    async def wait_for_end(self, message_id: str) -> None:
        while not await self.has_ended(message_id):  # noqa: ASYNC110  nobody rings
            await asyncio.sleep(0.1)


@dataclass(slots=True)
class Scene:
    house: House
    broadcaster: Tenant
    single: Tenant
    many: Tenant
    log: Path
    sent: int = 0

    async def send_singles(self, number: int, enough: asyncio.Event | None = None) -> list[float]:
        """Send to one device after the other; seconds from each POST to the gateway."""
        posted: list[tuple[str, float]] = []
        for _ in range(number):
            if enough is not None and enough.is_set():
                break
            which = self.sent % SINGLES
            self.sent += 1
            posted.append((_address(SINGLE, which), time.time()))
            await self.single.send({"deviceIds": [f"phone-{which}"]})
            await asyncio.sleep(PACE_SECONDS)
        end = time.monotonic() + ARRIVAL_SECONDS
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            arrived = self.arrivals(SINGLE)
            firsts = [(_first_after(arrived[address], at), at) for address, at in posted]
            missing = sum(first is None for first, _ in firsts)
            if not missing:
                return [first - at for first, at in firsts if first is not None]
            if time.monotonic() > end:
                raise SystemExit(f"Of {len(posted)} single sends {missing} did not arrive.")

    async def send_to_many(self) -> float:
        """Send to the 10,000; seconds from the POST until the gateway has been asked for all."""
        at = time.time()
        await self.many.wait_for_end(await self.many.send())
        await asyncio.sleep(FLUSH_SECONDS)
        firsts = [_first_after(times, at) for times in self.arrivals(ONE_OF_MANY).values()]
        arrived = [first for first in firsts if first is not None]
        if len(arrived) != MANY:
            raise SystemExit(f"Of {MANY} devices {len(arrived)} were sent to.")
        return max(arrived) - at

    def arrivals(self, beginning: str) -> dict[str, list[float]]:
        """When the gateway was asked, by address."""
        found: dict[str, list[float]] = defaultdict(list)
        for line in self.log.read_text().splitlines():
            at, _, path = line.partition(" ")
            address = path.rpartition("/")[2]
            if address.startswith(beginning):
                found[address].append(float(at))
        return found


def _first_after(times: Sequence[float], at: float) -> float | None:
    # The gateway tells whole milliseconds.
    return min((each for each in times if each > at - 0.002), default=None)


def _address(beginning: str, number: int) -> str:
    return f"{beginning}{number:0{DIGITS - len(beginning)}x}"


@asynccontextmanager
async def open_scene(folder: Path, devices: int) -> AsyncIterator[Scene]:
    log, state = folder / "asked.log", folder / "house"
    (state / "sandbox").mkdir(parents=True)
    issued = certificates.obtain(state / "sandbox", "localhost", datetime.now(UTC))
    with nginx.serve(folder, issued, log=log, timed=TIMED) as port:
        told = {
            "LOG_LEVEL": "WARNING",
            **dict.fromkeys(GATEWAY_URLS, f"https://localhost:{port}"),
        }
        async with (
            open_house(state, Log(), told=told) as house,
            httpx.AsyncClient(base_url=house.place.edge, trust_env=False, timeout=30) as client,
        ):
            tenants = [await _open_tenant(house, client, folder / str(n)) for n in range(3)]
            broadcaster, single, many = tenants
            everybody = (fresh_apns() for _ in range(devices))
            await _register(house, broadcaster, list(everybody))
            await _register(house, single, [_address(SINGLE, n) for n in range(SINGLES)])
            await _register(house, many, [_address(ONE_OF_MANY, n) for n in range(MANY)])
            yield Scene(house, broadcaster, single, many, log)


async def _open_tenant(house: House, client: httpx.AsyncClient, folder: Path) -> Tenant:
    await asyncio.to_thread(folder.mkdir)
    place = house.place
    demo = await asyncio.to_thread(
        load_demo, folder, place.edge, place.sandbox, place.keys.operator_key
    )
    return Tenant(client, demo)


async def _register(house: House, tenant: Tenant, addresses: Sequence[str]) -> None:
    url = house.place.databases.registry_database_url
    phones = crowd.phones(tenant.app_id, ((Platform.IOS, address) for address in addresses))
    await crowd.register(url, phones)
