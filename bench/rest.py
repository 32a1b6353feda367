"""How many REST requests a second the house answers, and who spends the CPU on them.

Client and database included, beside a bare Starlette endpoint that makes one empty gRPC call, in
the same run. The last line of the standard output is one of JSON; all else goes to the log.
"""

import asyncio
import secrets
import sys
from dataclasses import dataclass
from statistics import median

import msgspec

from bench import bare
from bench.cpu import cpu_seconds, differences
from bench.figures import describe_machine, percentile
from bench.load import Seen, Task, run
from bench.premises import Premises, open_premises

CONNECTIONS = 64
WARM_UP_SECONDS = 2.0
SECONDS = 5.0
ROUNDS = 3
DEVICES = 20_000
# Of all answers; on a busy machine a room may miss its deadline.
MAX_REFUSED = 0.01


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request, and the status that answers it."""

    name: str
    method: str
    path: str
    secret: str
    status: int
    body: str = ""
    distinct: int = 0


def describe_kinds(run_id: str, message_id: str) -> list[Kind]:
    address = secrets.token_urlsafe(110)
    device = f"{run_id}-%d"
    registration = (
        f'{{"deviceId":"{device}","platform":"G","userId":"user-%d","token":"{device}:{address}"}}'
    )
    seen = f'{{"deviceId":"{device}","status":"SEEN"}}'
    message = f'{{"message":{{"alert":"Hello"}},"target":{{"deviceIds":["{device}"]}}}}'
    return [
        Kind("post_device", "POST", "/devices", "clientSecret", 201, registration),
        Kind("get_device", "GET", f"/devices/{device}", "clientSecret", 200, distinct=DEVICES),
        Kind("put_status", "PUT", f"/messages/{message_id}", "clientSecret", 200, seen, DEVICES),
        Kind("post_message", "POST", "/messages", "appSecret", 202, message, DEVICES),
    ]


class Bench:
    def __init__(self, premises: Premises, yardstick: tuple[str, int], kinds: list[Kind]) -> None:
        self._premises = premises
        self._yardstick = yardstick
        self._kinds = kinds
        self._secrets = {
            "clientSecret": premises.demo.client_secret,
            "appSecret": premises.demo.app_secret,
        }
        # New devices are never registered twice.
        self._next = 0
        self.rates: dict[str, list[float]] = {}
        self.waits: dict[str, list[float]] = {}
        self.cpu: dict[str, dict[str, float]] = {}

    async def prepare(self) -> None:
        """Enough devices to read, to report and to send to."""
        await self._ask(self._kinds[0], seconds=300.0, limit=DEVICES)
        for kind in self._kinds[:-1]:
            await self._ask(kind, seconds=WARM_UP_SECONDS)

    async def round(self) -> None:
        self._note("bare", await run(self._bare()))
        await self.measure(self._kinds[:-1])

    async def send(self) -> None:
        """Last, since what was accepted is still being sent after it was measured."""
        await self.measure(self._kinds[-1:])

    async def measure(self, kinds: list[Kind]) -> None:
        for kind in kinds:
            before = cpu_seconds(self._premises.house)
            seen = await self._ask(kind, seconds=SECONDS)
            spent = differences(before, cpu_seconds(self._premises.house))
            self._note(kind.name, seen)
            self._note_cpu(kind.name, spent | {"client": seen.cpu_seconds})

    def _note(self, name: str, seen: Seen) -> None:
        self.rates.setdefault(name, []).append(seen.rate)
        self.waits.setdefault(name, []).extend(seen.waits)

    def _note_cpu(self, name: str, spent: dict[str, float]) -> None:
        known = self.cpu.setdefault(name, {})
        for each, seconds in spent.items():
            known[each] = known.get(each, 0.0) + seconds

    async def _ask(self, kind: Kind, *, seconds: float, limit: int = 0) -> Seen:
        host, port = self._premises.edge_host
        seen = await run(
            Task(
                host,
                port,
                kind.method,
                self._premises.app_path + kind.path,
                {"host": "carillon", kind.secret: self._secrets[kind.secret]},
                CONNECTIONS,
                seconds,
                kind.body,
                first=0 if kind.distinct else self._next,
                distinct=kind.distinct,
                limit=limit,
            )
        )
        if not kind.distinct:
            self._next += len(seen.waits)
        if set(seen.statuses) != {kind.status}:
            say(f"{kind.name}: not every answer was {kind.status}: {seen.statuses}")
        if seen.statuses.get(kind.status, 0) < (1 - MAX_REFUSED) * len(seen.waits):
            raise SystemExit("These figures would mean nothing.")
        return seen

    def _bare(self) -> Task:
        host, port = self._yardstick
        return Task(host, port, "GET", bare.PATH, {"host": "carillon"}, CONNECTIONS, SECONDS)


def tell(bench: Bench) -> dict[str, float]:
    """Say to the log what was seen; gives the figures by name."""
    yardstick = median(bench.rates["bare"])
    figures: dict[str, float] = {}
    for name, rates in bench.rates.items():
        rate, waits = median(rates), bench.waits[name]
        spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
        p50, p99 = (1000 * percentile(waits, share) for share in (0.5, 0.99))
        figures[f"{name}_per_s"] = round(rate)
        figures[f"{name}_ratio"] = round(rate / yardstick, 3)
        figures[f"{name}_p99_ms"] = round(p99, 1)
        say(
            f"{name:<13} {rate:7,.0f} a second ({spread}), {rate / yardstick:5.0%} of bare,"
            f" p50 {p50:6.1f} ms, p99 {p99:6.1f} ms"
        )
        if name in bench.cpu:
            say(f"    {describe_cpu(bench.cpu[name], len(waits))}")
    return figures


def describe_cpu(spent: dict[str, float], answers: int) -> str:
    total = sum(spent.values())
    shares = [
        f"{name} {seconds / total:.0%}"
        for name, seconds in sorted(spent.items(), key=lambda each: -each[1])
        if seconds / total >= 0.01
    ]
    return f"{1_000_000 * total / answers:,.0f} µs of CPU each: {', '.join(shares)}"


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def main() -> None:
    say(describe_machine())
    async with open_premises() as premises, bare.standing() as yardstick:
        message_id = await premises.send_to_nobody()
        kinds = describe_kinds(secrets.token_hex(4), message_id)
        bench = Bench(premises, yardstick, kinds)
        await bench.prepare()
        for _ in range(ROUNDS):
            await bench.round()
        await bench.send()
    figures = tell(bench)
    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")


if __name__ == "__main__":
    asyncio.run(main())
