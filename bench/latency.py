"""How long a single message takes from POST to the gateway: alone, and under a broadcast.

First each send waits for the one before it, and beside it stands the same notification, handed to
the same gateway by the same HTTP/2 client with nothing of ours before it. Then sends come every
40 ms, to an idle house and to one that broadcasts for another tenant. The last line of the standard
output is one of JSON.
"""

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from bench.connection import Connection, compose
from bench.figures import describe_machine, describe_times, percentile
from bench.log import say
from bench.premises import Premises, open_premises
from bench.tenants import open_scene
from services.dispatch.gateways.fcm import OAuthTokens
from services.dispatch.wire import Request
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard

WARM_UP = 30
TO_DEVICE = 500
TO_TAG = 100
# Of the other tenant, under whose broadcast we send.
DEVICES = 200_000
SINGLES = 300
NO_END = 1_000_000
# Until the house has nothing left to do of the last send: outcomes written, message finished.
REST_SECONDS = 0.05
WAIT_SECONDS = 10
# The sandbox tells times in whole milliseconds; on average half of one is cut off.
CUT_OFF_SECONDS = 0.0005
DEVICE_ID, TAG = "bench-phone", "bench-tag"


@dataclass(frozen=True, slots=True)
class Sent:
    """Seconds from just before the request."""

    to_answer: float
    to_gateway: float


class Bench:
    def __init__(self, premises: Premises, edge: Connection, sandbox: Connection) -> None:
        self._premises = premises
        self._edge = edge
        self._sandbox = sandbox
        self._last_arrival = 0
        self._numbers = count(1)

    async def prepare(self) -> str:
        """Register a phone and subscribe it to a tag; its address."""
        answer = await self._ask_sandbox("POST", "/api/tokens", {"gateway": "fcm"})
        address: str = answer["token"]
        device = {"deviceId": DEVICE_ID, "platform": "G", "token": address}
        await self._post("/devices", device, 201)
        await self._post("/tags", {"name": TAG}, 201)
        await self._post("/subscriptions", {"deviceId": DEVICE_ID, "tagName": TAG}, 201)
        # The house has asked already: whether the gateways take its credentials.
        listed = await self._ask_sandbox("GET", "/api/notifications?after=0&limit=100&wait=0")
        self._last_arrival = listed["last_id"]
        return address

    async def send(self, target: dict[str, list[str]]) -> Sent:
        body = {"message": {"alert": f"Number {next(self._numbers)}"}, "target": target}
        began, wall = time.perf_counter(), time.time()
        await self._post("/messages", body, 202)
        answered = time.perf_counter() - began
        return Sent(answered, await self.arrival() - wall)

    async def arrival(self) -> float:
        """When the next notification arrived, in seconds since the epoch."""
        path = f"/api/notifications?after={self._last_arrival}&limit=1&wait={WAIT_SECONDS}"
        listed = await self._ask_sandbox("GET", path)
        (arrived,) = listed["notifications"]
        self._last_arrival = listed["last_id"]
        return datetime.fromisoformat(arrived["time"]).timestamp() + CUT_OFF_SECONDS

    async def _post(self, path: str, body: object, expected: int) -> None:
        premises = self._premises
        request = compose(
            "POST", premises.app_path + path, premises.headers(), msgspec.json.encode(body)
        )
        reply = await self._edge.ask(request)
        if reply.status != expected:
            raise SystemExit(f"POST {path} answered {reply.status}: {reply.body.decode()}")

    async def _ask_sandbox(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        content = b"" if body is None else msgspec.json.encode(body)
        reply = await self._sandbox.ask(compose(method, path, {"host": "sandbox"}, content))
        return msgspec.json.decode(reply.body)

    async def credentials(self) -> dict[str, Any]:
        shown: dict[str, Any] = await self._ask_sandbox("GET", "/api/credentials")
        return shown


async def measure_sends(bench: Bench, target: dict[str, list[str]], times: int) -> list[Sent]:
    sent = []
    for _ in range(times):
        sent.append(await bench.send(target))
        await asyncio.sleep(REST_SECONDS)
    return sent


async def measure_bare(bench: Bench, address: str, times: int) -> list[Sent]:
    """The yardstick: what the gateway and the way to it cost by themselves."""
    credentials = await bench.credentials()
    account = credentials["fcm"]["serviceAccount"]
    guard = EgressGuard.allowing(("127.0.0.0/8", "::1/128", "localhost"))
    wire = PooledWire(guard, Path(credentials["ca_file"]))
    try:
        token = await OAuthTokens(account, wire, lambda: datetime.now(UTC)).get()
        request = Request.to(
            f"{credentials['gateway_url']}/v1/projects/{account['project_id']}/messages:send",
            (("authorization", f"Bearer {token}"), ("content-type", "application/json")),
            msgspec.json.encode({"message": {"token": address, "data": {"alert": "Bare"}}}),
        )
        sent = []
        for _ in range(times):
            began, wall = time.perf_counter(), time.time()
            await wire.post(request)
            answered = time.perf_counter() - began
            sent.append(Sent(answered, await bench.arrival() - wall))
            await asyncio.sleep(REST_SECONDS)
        return sent
    finally:
        await wire.close()


def tell(label: str, sent: list[Sent], answer: str) -> None:
    say(describe_times(f"{label}: POST to {answer}", [each.to_answer for each in sent]))
    say(describe_times(f"{label}: POST to gateway", [each.to_gateway for each in sent]))


async def measure_alone() -> dict[str, float]:
    """One send at a time, and beside it the bare request: medians in milliseconds."""
    async with open_premises() as premises:
        edge = await Connection.open(*premises.edge_host)
        sandbox = await Connection.open(*premises.sandbox_host)
        bench = Bench(premises, edge, sandbox)
        address = await bench.prepare()
        to_device, to_tag = {"deviceIds": [DEVICE_ID]}, {"tagNames": [TAG]}
        for target in (to_device, to_tag):
            await measure_sends(bench, target, WARM_UP)
        device = await measure_sends(bench, to_device, TO_DEVICE)
        tag = await measure_sends(bench, to_tag, TO_TAG)
        await measure_bare(bench, address, WARM_UP)
        bare = await measure_bare(bench, address, TO_DEVICE)
        edge.close()
        sandbox.close()
    tell(f"{TO_DEVICE} to a device", device, "202")
    tell(f"{TO_TAG} to a tag", tag, "202")
    tell(f"{TO_DEVICE} bare (yardstick)", bare, "200")
    kinds = {"alone": device, "tag": tag, "bare": bare}
    return {
        f"{name}_p50_ms": 1000 * percentile([each.to_gateway for each in sent], 0.5)
        for name, sent in kinds.items()
    }


async def measure_under_broadcast() -> dict[str, float]:
    """Sends that wait for nobody, to a gateway that costs little: idle, and under a broadcast."""
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        async with open_scene(Path(folder), DEVICES) as scene:
            await scene.send_singles(WARM_UP)
            idle = await scene.send_singles(SINGLES)
            ended = asyncio.Event()
            message_id = await scene.broadcaster.send()

            async def wait() -> None:
                await scene.broadcaster.wait_for_end(message_id)
                ended.set()

            waiting = asyncio.create_task(wait())
            busy = await scene.send_singles(NO_END, ended)
            await waiting
    say(describe_times(f"{len(idle)} single sends, idle", idle))
    say(describe_times(f"{len(busy)} single sends, broadcast", busy))
    shares = {"p50_ms": 0.5, "p99_ms": 0.99}
    return {
        f"{prefix}{name}": 1000 * percentile(sends, share)
        for prefix, sends in (("", idle), ("busy_", busy))
        for name, share in shares.items()
    }


async def main() -> None:
    say(describe_machine())
    figures = {**await measure_alone(), **await measure_under_broadcast(), "devices": DEVICES}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


if __name__ == "__main__":
    asyncio.run(main())
