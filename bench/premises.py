"""Where a benchmark is run: a house of its own with a demo application, in a passing folder."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.log import Log
from dev.demo import Demo, load_demo
from dev.house import House, open_house

# At most warnings, as in production; a line for each request would be measured too.
TOLD = {"LOG_LEVEL": "WARNING", "SANDBOX_KEEP": "20000"}


@dataclass(frozen=True, slots=True)
class Premises:
    house: House
    demo: Demo

    @property
    def app_path(self) -> str:
        return f"/imfpush/v1/apps/{self.demo.app_id}"

    @property
    def edge_host(self) -> tuple[str, int]:
        return "127.0.0.1", self.house.place.ports.edge_port

    @property
    def sandbox_host(self) -> tuple[str, int]:
        return "127.0.0.1", self.house.place.ports.sandbox_port

    def headers(self) -> dict[str, str]:
        return {"host": "carillon", "appSecret": self.demo.app_secret}

    async def send_to_nobody(self) -> str:
        """The id of a message that devices can report on, but that none receives."""
        body = {"message": {"alert": "Hello"}, "target": {"deviceIds": ["nobody"]}}
        url = f"{self.house.place.edge}{self.app_path}/messages"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(url, json=body, headers={"appSecret": self.demo.app_secret})
        message_id: str = answer.raise_for_status().json()["messageId"]
        return message_id


@asynccontextmanager
async def open_premises(
    folder: Path | None = None, told: Mapping[str, str] = TOLD
) -> AsyncIterator[Premises]:
    """PostgreSQL runs with its usual durability: what is measured is what is kept."""
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as passing:
        place_folder = folder or Path(passing) / "house"
        async with open_house(place_folder, Log(), told={**TOLD, **told}) as house:
            place = house.place
            demo = await asyncio.to_thread(
                load_demo, place.folder, place.edge, place.sandbox, place.keys.operator_key
            )
            yield Premises(house, demo)
