"""The imitated gateways as a test sees them: fresh addresses, faults on demand, what arrived."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.house.waiting import until

GATEWAYS = {
    "A": "apns",
    "G": "fcm",
    "WEB_CHROME": "webpush",
    "WEB_FIREFOX": "webpush",
    "WEB_SAFARI": "apns",
    "APPEXT_CHROME": "fcm",
}
WAIT_SECONDS = 10


@dataclass(slots=True)
class Sandbox:
    client: httpx.AsyncClient
    # Addresses given out: no log line may show one.
    addresses: set[str] = field(default_factory=set)

    async def fresh(self, platform: str, behaviour: str = "ok") -> str:
        """A new token as a client of this platform would get and register it."""
        gateway = GATEWAYS[platform]
        if gateway == "webpush":
            answer = await self.client.post("/api/subscriptions", json={"behaviour": behaviour})
        else:
            asked = {"gateway": gateway, "behaviour": behaviour}
            answer = await self.client.post("/api/tokens", json=asked)
        fresh = answer.raise_for_status().json()
        token: str = fresh["token"]
        self.addresses |= set(fresh.values())
        if gateway == "webpush":
            self.addresses |= set(json.loads(token).values())
        return token

    async def order(self, **order: Any) -> None:
        """Order a behaviour for an `address` or a `gateway`."""
        (await self.client.put("/api/behaviours", json=order)).raise_for_status()

    async def arrivals(self, token: str) -> list[dict[str, Any]]:
        """What was sent to this token until now, oldest first."""
        return await self._list(token, wait=0)

    async def arrived(self, token: str) -> dict[str, Any]:
        """The first notification that was sent to this token, as soon as it is there."""
        found = await self._list(token, wait=WAIT_SECONDS)
        assert found, "nothing arrived in time"
        return found[0]

    async def arrived_times(self, token: str, times: int) -> list[dict[str, Any]]:
        """As many notifications, as soon as they are there."""
        return await until(lambda: self.arrivals(token), lambda found: len(found) >= times)

    async def _list(self, token: str, *, wait: float) -> list[dict[str, Any]]:
        query: dict[str, Any] = {"address": token, "wait": wait}
        answer = (await self.client.get("/api/notifications", params=query)).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["notifications"]
        return found[::-1]
