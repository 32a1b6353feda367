"""How many REST requests a second the house answers, and who spends the CPU on them.

Client and database included, beside a bare Starlette endpoint that makes one empty gRPC call, which
is asked just before each measurement: a ratio is of two neighbours, whatever else the machine does.
The last line of the standard output is one of JSON; all else goes to the log.
"""

import asyncio
import secrets
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median

import msgspec

from bench import bare
from bench.cpu import cpu_seconds, differences
from bench.figures import describe_machine, percentile
from bench.load import Seen, Task, run
from bench.log import say
from bench.premises import Premises, open_premises

CONNECTIONS = 64
WARM_UP_SECONDS = 1.0
BARE_SECONDS = 2.0
SECONDS = 4.0
ROUNDS = 3
DEVICES = 10_000
PREPARING_SECONDS = 120.0
# Of all answers; on a busy machine a room may miss its deadline.
MAX_REFUSED = 0.01
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request, and the status that answers it.

    `%d` stands for the number of a device, `%m` for a message that nobody has reported on.
    """

    name: str
    method: str
    path: str
    secret: str
    status: int
    body: str = ""
    distinct: int = 0


@dataclass(slots=True)
class Measured:
    """What was seen of one kind of request, in all its rounds."""

    rates: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    cpu: Counter[str] = field(default_factory=Counter)

    def note(self, seen: Seen, spent: dict[str, float]) -> None:
        self.rates.append(seen.rate)
        self.waits += seen.waits
        self.cpu.update(spent | {"client": seen.cpu_seconds})


def describe_kinds(run_id: str) -> list[Kind]:
    address = secrets.token_urlsafe(110)
    device = f"{run_id}-%d"
    registration = (
        f'{{"deviceId":"{device}","platform":"G","userId":"user-%d","token":"{device}:{address}"}}'
    )
    seen = f'{{"deviceId":"{device}","status":"SEEN"}}'
    message = f'{{"message":{{"alert":"Hello"}},"target":{{"deviceIds":["{device}"]}}}}'
    # Accepted without being sent: what sending costs stands in the line below it.
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    later = f'{message[:-1]},"notBefore":"{tomorrow}"}}'
    return [
        Kind("post_device", "POST", "/devices", "clientSecret", 201, registration),
        Kind("get_device", "GET", f"/devices/{device}", "clientSecret", 200, distinct=DEVICES),
        Kind("put_status", "PUT", "/messages/%m", "clientSecret", 200, seen, DEVICES),
        Kind("post_message_for_later", "POST", "/messages", "appSecret", 202, later, DEVICES),
        Kind("post_message", "POST", "/messages", "appSecret", 202, message, DEVICES),
    ]


class Bench:
    def __init__(self, premises: Premises, yardstick: bare.Bare, kinds: list[Kind]) -> None:
        self._premises = premises
        self._yardstick = yardstick
        self._kinds = kinds
        self._secrets = {
            "clientSecret": premises.demo.client_secret,
            "appSecret": premises.demo.app_secret,
        }
        # New devices are never registered twice.
        self._next = 0
        self.measured = {name: Measured() for name in ("bare", *(kind.name for kind in kinds))}

    async def prepare(self) -> None:
        """Enough devices to read, to report and to send to."""
        await self._ask(self._kinds[0], seconds=PREPARING_SECONDS, limit=DEVICES)
        if self._next < DEVICES:
            raise SystemExit(f"Only {self._next} devices in {PREPARING_SECONDS:.0f} seconds.")
        await run(self._bare(WARM_UP_SECONDS))
        for kind in self._kinds[:-1]:
            await self._ask(kind, seconds=WARM_UP_SECONDS)

    async def measure(self) -> None:
        """Sends last, since what was accepted is still being sent after it was measured."""
        for _ in range(ROUNDS):
            for kind in self._kinds[:-1]:
                await self._measure(kind)
        for _ in range(ROUNDS):
            await self._measure(self._kinds[-1])

    async def _measure(self, kind: Kind) -> None:
        before = self._yardstick.cpu_seconds()
        yardstick = await run(self._bare(BARE_SECONDS))
        spent = differences(before, self._yardstick.cpu_seconds())
        self.measured["bare"].note(yardstick, spent)
        before = cpu_seconds(self._premises.house)
        seen = await self._ask(kind, seconds=SECONDS)
        spent = differences(before, cpu_seconds(self._premises.house))
        self.measured[kind.name].note(seen, spent)
        self.measured[kind.name].ratios.append(seen.rate / yardstick.rate)

    async def _ask(self, kind: Kind, *, seconds: float, limit: int = 0) -> Seen:
        host, port = self._premises.edge_host
        path = kind.path
        if "%m" in path:
            path = path.replace("%m", await self._premises.send_to_nobody())
        seen = await run(
            Task(
                host,
                port,
                kind.method,
                self._premises.app_path + path,
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

    def _bare(self, seconds: float) -> Task:
        where = (self._yardstick.host, self._yardstick.port)
        return Task(*where, "GET", bare.PATH, {"host": "carillon"}, CONNECTIONS, seconds)


def tell(measured: dict[str, Measured]) -> dict[str, object]:
    """Say to the log what was seen; gives the figures by name."""
    figures: dict[str, object] = {}
    cheapest = sum(measured["bare"].cpu.values()) / len(measured["bare"].waits)
    for name, seen in measured.items():
        ratio = median(seen.ratios) if seen.ratios else 1.0
        cpu = sum(seen.cpu.values()) / len(seen.waits)
        p50, p99 = (1000 * percentile(seen.waits, share) for share in (0.5, 0.99))
        figures[f"{name}_per_s"] = round(median(seen.rates))
        figures[f"{name}_ratio"] = round(ratio, 3)
        figures[f"{name}_cpu_ratio"] = round(cheapest / cpu, 3)
        figures[f"{name}_p99_ms"] = round(p99, 1)
        figures[f"{name}_cpu_us"] = {
            each: round(MICROSECONDS * seconds / len(seen.waits))
            for each, seconds in seen.cpu.most_common()
        }
        say(
            f"{name:<22} {median(seen.rates):7,.0f} a second, {ratio:5.0%} of bare"
            f" (by CPU {cheapest / cpu:5.0%}), p50 {p50:6.1f} ms, p99 {p99:6.1f} ms"
        )
        say(f"    {describe_cpu(seen.cpu, len(seen.waits))}")
    return figures


def describe_cpu(spent: Mapping[str, float], answers: int) -> str:
    total = sum(spent.values())
    shares = [
        f"{name} {seconds / total:.0%}"
        for name, seconds in sorted(spent.items(), key=lambda each: -each[1])
        if seconds / total >= 0.01
    ]
    return f"{MICROSECONDS * total / answers:,.0f} µs of CPU each: {', '.join(shares)}"


async def main() -> None:
    say(describe_machine())
    async with open_premises() as premises, bare.standing() as yardstick:
        bench = Bench(premises, yardstick, describe_kinds(secrets.token_hex(4)))
        await bench.prepare()
        await bench.measure()
    figures = tell(bench.measured)
    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")


if __name__ == "__main__":
    asyncio.run(main())
