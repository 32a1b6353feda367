"""What reached the devices, as the imitated gateways saw it, and a way to wait for more."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import httpx

ASK_SECONDS = 0.1
REFUSED = 400


class Stalled(Exception):
    """Nothing arrived for too long."""


@dataclass(frozen=True, slots=True)
class Witness:
    sandbox: httpx.AsyncClient
    # Longest that nothing may arrive: leases of a planner, and a gateway that never answers.
    patience: float = 90.0

    async def slow_down(self, gateway: str, seconds: float) -> None:
        """Let each answer take so long: then there is always much under way."""
        order = {"gateway": gateway, "behaviour": "slow", "delay": seconds}
        (await self.sandbox.put("/api/behaviours", json=order)).raise_for_status()

    async def count(self) -> int:
        """Notifications that reached a device until now."""
        answer = (await self.sandbox.get("/api/notifications?limit=1")).raise_for_status()
        return sum(
            times
            for statuses in answer.json()["counts"].values()
            for status, times in statuses.items()
            if int(status) < REFUSED
        )

    async def wait_for(self, count: int) -> None:
        """Until so many have arrived.

        Raises:
            Stalled: if it stands still on the way there.
        """
        loop = asyncio.get_running_loop()
        seen, since = -1, loop.time()
        while (now := await self.count()) < count:
            if now > seen:
                seen, since = now, loop.time()
            elif loop.time() - since > self.patience:
                raise Stalled(f"{now} arrived, and no more for {self.patience:.0f} s")
            await asyncio.sleep(ASK_SECONDS)

    async def tally(self) -> Counter[str]:
        """How often each address was reached."""
        answer = (await self.sandbox.get("/api/tally")).raise_for_status()
        return Counter(answer.json()["addresses"])
