"""How many devices a second can register over REST, and who spends the CPU on it.

Every request goes through the edge, registry and PostgreSQL, and registers a device that is new.
Beside it in the same run: the edge's liveness answer, which needs no other room.
"""

import asyncio
import os
import sys

import msgspec

from bench.cpu import cpu_seconds, differences
from bench.figures import describe_machine, describe_times
from bench.load import Seen, Task
from bench.premises import Premises, open_premises

CONNECTIONS = 64
WARM_UP_SECONDS = 2.0
SECONDS = 10.0
YARDSTICK_SECONDS = 5.0


async def run(task: Task) -> Seen:
    """In a process of its own, so that the client's CPU is its own too."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )
    output, _ = await process.communicate(msgspec.json.encode(task))
    if process.returncode != 0:
        raise SystemExit("The client failed; its last lines say why.")
    return msgspec.json.decode(output, type=Seen)


def registering(premises: Premises, seconds: float) -> Task:
    host, port = premises.edge_host
    headers = {"host": "carillon", "clientSecret": premises.demo.client_secret}
    path = f"{premises.app_path}/devices"
    return Task(host, port, path, headers, CONNECTIONS, seconds, devices=True)


def asking_health(premises: Premises) -> Task:
    host, port = premises.edge_host
    path, headers = "/imfpush/v1/health/status", {"host": "carillon"}
    return Task(host, port, path, headers, CONNECTIONS, YARDSTICK_SECONDS, devices=False)


def tell(label: str, seen: Seen, good: int) -> None:
    answers = ", ".join(f"{times} x {status}" for status, times in sorted(seen.statuses.items()))
    print(f"{label}: {seen.rate:,.0f} a second over {CONNECTIONS} connections ({answers})")
    print(describe_times("  from request to answer", seen.waits))
    if set(seen.statuses) != {good}:
        raise SystemExit(f"Not every answer was {good}: these figures mean nothing.")


def tell_cpu(spent: dict[str, float], seen: Seen) -> None:
    """Each one's part in what they spent together, and in one CPU."""
    everybody = spent | {"client": seen.cpu_seconds}
    total = sum(everybody.values())
    for name, seconds in sorted(everybody.items(), key=lambda each: -each[1]):
        if seconds / total >= 0.005:
            share, cpus = seconds / total, seconds / seen.seconds
            print(f"  {name:<18} {share:6.1%} of the CPU time   {cpus:5.2f} CPUs")
    each = 1_000_000 * (total - seen.cpu_seconds) / len(seen.waits)
    used = total / seen.seconds
    print(
        f"  together {used:.2f} of {os.cpu_count()} CPUs; {each:,.0f} µs a registration on our side"
    )


async def main() -> None:
    print(describe_machine())
    async with open_premises() as premises:
        await run(registering(premises, WARM_UP_SECONDS))
        before = cpu_seconds(premises.house)
        registered = await run(registering(premises, SECONDS))
        spent = differences(before, cpu_seconds(premises.house))
        health = await run(asking_health(premises))
    tell("POST /devices", registered, 201)
    tell_cpu(spent, registered)
    tell("GET /health/status (yardstick)", health, 200)
    print(f"A registration costs {health.rate / registered.rate:.1f} liveness answers.")


if __name__ == "__main__":
    asyncio.run(main())
