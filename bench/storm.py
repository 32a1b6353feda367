"""What 20,000 devices cost that report at once what they did with a message.

A message goes out, every device reports SEEN and then OPEN, each once and all as fast as they are
answered. Beside it in the same run, over as many connections: a bare Starlette endpoint that makes
one empty gRPC call. The last line of the standard output is one of JSON; all else goes to the log.
"""

import asyncio
import secrets
import sys

import msgspec

from bench import bare
from bench.cpu import cpu_seconds, differences
from bench.figures import describe_machine, percentile
from bench.load import Seen, Task, run
from bench.log import say
from bench.premises import Premises, open_premises
from bench.rest import describe_cpu

CONNECTIONS = 256
# Registering is not measured here.
REGISTERING = 32
DEVICES = 20_000
WARM_UP = 2_000
# Longer than any storm may take: it ends with its last device.
LIMIT_SECONDS = 300.0


class Storm:
    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._run = secrets.token_hex(4)

    async def register(self) -> None:
        address = secrets.token_urlsafe(110)
        device = f"{self._run}-%d"
        body = f'{{"deviceId":"{device}","platform":"G","token":"{device}:{address}"}}'
        await self._ask("POST", "/devices", body, 201, DEVICES, REGISTERING)

    async def report(self, message_id: str, status: str, devices: int = DEVICES) -> Seen:
        """Every device reports once."""
        body = f'{{"deviceId":"{self._run}-%d","status":"{status}"}}'
        return await self._ask("PUT", f"/messages/{message_id}", body, 200, devices)

    async def _ask(
        self,
        method: str,
        path: str,
        body: str,
        status: int,
        limit: int,
        connections: int = CONNECTIONS,
    ) -> Seen:
        host, port = self._premises.edge_host
        headers = {"host": "carillon", "clientSecret": self._premises.demo.client_secret}
        url = self._premises.app_path + path
        seen = await run(
            Task(host, port, method, url, headers, connections, LIMIT_SECONDS, body, limit=limit)
        )
        if seen.statuses != {status: limit}:
            raise SystemExit(f"Not every answer was {status}, but {seen.statuses}: no figures.")
        return seen


async def ask_bare(yardstick: bare.Bare) -> Seen:
    where, headers = (yardstick.host, yardstick.port), {"host": "carillon"}
    return await run(
        Task(*where, "GET", bare.PATH, headers, CONNECTIONS, LIMIT_SECONDS, limit=DEVICES)
    )


def describe(name: str, seen: Seen) -> dict[str, float]:
    p50, p99 = (1000 * percentile(seen.waits, share) for share in (0.5, 0.99))
    say(f"{name:<5} {seen.rate:7,.0f} a second, p50 {p50:6.1f} ms, p99 {p99:6.1f} ms")
    return {
        f"{name}_per_s": round(seen.rate),
        f"{name}_p50_ms": round(p50, 1),
        f"{name}_p99_ms": round(p99, 1),
    }


async def main() -> None:
    say(f"{describe_machine()}; {DEVICES} devices, {CONNECTIONS} connections")
    figures: dict[str, object] = {"devices": DEVICES, "connections": CONNECTIONS}
    async with open_premises() as premises, bare.standing() as yardstick:
        storm = Storm(premises)
        await storm.register()
        await storm.report(await premises.send_to_nobody(), "SEEN", WARM_UP)
        message_id = await premises.send_to_nobody()
        await ask_bare(yardstick)
        bare_seen = await ask_bare(yardstick)
        figures |= describe("bare", bare_seen)
        for status in ("SEEN", "OPEN"):
            name, before = status.lower(), cpu_seconds(premises.house)
            seen = await storm.report(message_id, status)
            spent = differences(before, cpu_seconds(premises.house))
            spent["client"] = seen.cpu_seconds
            figures |= describe(name, seen)
            figures[f"{name}_ratio"] = round(seen.rate / bare_seen.rate, 3)
            total = sum(spent.values())
            figures[f"{name}_cpu_share"] = {
                each: round(seconds / total, 3) for each, seconds in sorted(spent.items())
            }
            say(f"      {describe_cpu(spent, len(seen.waits))}")
    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")


if __name__ == "__main__":
    asyncio.run(main())
