"""How many registrations a second registry's storage layer takes, without gRPC and HTTP.

Concurrent callers of the Registrar, against a PostgreSQL of its own with its usual durability: each
with a call of its own, and as many in groups, as they come through two edges. Beside it in the same
run: one statement per registration, over as many connections as the Registrar could use. The last
line of the standard output is one of JSON.
"""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import UUID

import msgspec
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.cpu import postgres_seconds
from bench.figures import describe_machine
from bench.log import say
from dev import databases
from dev.postgres import running
from services.kit.process import settle_memory
from services.registry.domain.application import Application
from services.registry.domain.device import Platform, Registration
from services.registry.registrar import Registrar
from services.registry.room import open_book
from services.registry.store import applications, registrations

APP = UUID(int=7)
CALLERS = (16, 100, 400, 1000)
# Groups, and how many registrations each holds: two edges have two calls each under way.
GROUPS, GROUP = 4, 250
CONNECTIONS = 16
SECONDS = 3.0
ROUNDS = 3

Register = Callable[[list[Registration]], Awaitable[object]]


class Seen(NamedTuple):
    """Registrations a second, and microseconds of CPU for each."""

    rate: float
    client: float
    postgresql: float

    @property
    def cpu(self) -> float:
        return self.client + self.postgresql


def now() -> datetime:
    return datetime.now(UTC)


async def measure(register: Register, callers: int, size: int, folder: Path) -> Seen:
    """What so many callers see, each of whom waits for the answers to so many registrations."""
    run, address = secrets.token_hex(4), secrets.token_urlsafe(110)
    numbers, end = count(), time.perf_counter() + SECONDS

    def register_next() -> Awaitable[object]:
        names = [f"{run}-{next(numbers)}" for _ in range(size)]
        return register(
            [
                Registration(APP, name, Platform.ANDROID, f"{name}:{address}", user_id=name)
                for name in names
            ]
        )

    async def call() -> int:
        done = 0
        while time.perf_counter() < end:
            await register_next()
            done += size
        return done

    began, client, server = time.perf_counter(), time.process_time(), postgres_seconds(folder)
    done = sum(await asyncio.gather(*(call() for _ in range(callers))))
    seconds = time.perf_counter() - began
    client, server = time.process_time() - client, postgres_seconds(folder) - server
    return Seen(done / seconds, 1e6 * client / done, 1e6 * server / done)


def one_by_one(db: AsyncEngine) -> Register:
    """The yardstick: nobody shares."""
    alone = db.execution_options(isolation_level="AUTOCOMMIT")

    async def register(asked: list[Registration]) -> None:
        async with alone.connect() as tx:
            await registrations.write(tx, asked, now())

    return register


async def compare(
    registrar: Registrar, db: AsyncEngine, folder: Path, callers: int, size: int
) -> dict[str, float]:
    """The Registrar with so many callers beside as many who do without, in turns."""

    async def register(asked: list[Registration]) -> None:
        if size == 1:
            await registrar.register(asked[0])
        else:
            await registrar.register_all(asked)

    alone, shared = [], []
    for _ in range(ROUNDS):
        alone.append(await measure(one_by_one(db), min(callers * size, CONNECTIONS), 1, folder))
        shared.append(await measure(register, callers, size, folder))
    rate, yardstick = (median(seen.rate for seen in each) for each in (shared, alone))
    cheapest = min(shared, key=lambda seen: seen.cpu)
    name = f"{callers}" if size == 1 else f"{callers}x{size}"
    say(
        f"{name} callers: {rate:,.0f} a second ({min(seen.rate for seen in shared):,.0f} to"
        f" {max(seen.rate for seen in shared):,.0f}), one by one {yardstick:,.0f}; CPU of each"
        f" {cheapest.client:.0f} µs here, {cheapest.postgresql:.0f} µs PostgreSQL"
    )
    return {
        f"registrations_per_s_{name}": round(rate),
        f"ratio_{name}": round(rate / yardstick, 2),
        f"client_us_{name}": round(cheapest.client, 1),
        f"postgresql_us_{name}": round(cheapest.postgresql, 1),
        f"registrations_per_cpu_s_{name}": round(1e6 / cheapest.cpu),
    }


async def measure_all(db: AsyncEngine, folder: Path) -> dict[str, float]:
    registrar = Registrar(db, now)
    figures: dict[str, float] = {}
    for callers, size in (*((callers, 1) for callers in CALLERS), (GROUPS, GROUP)):
        figures |= await compare(registrar, db, folder, callers, size)
    await registrar.close()
    return figures


async def main() -> None:
    say(describe_machine())
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as passing:
        folder = Path(passing) / "postgres"
        with running(folder, databases.SETTINGS) as postgres:
            urls = await databases.prepare(postgres)
            await databases.migrate_all(urls)
            db = open_book(urls.registry_database_url, pool_size=CONNECTIONS)
            async with db.begin() as tx:
                await applications.create(
                    tx,
                    Application(APP, "bench", enabled=True, create_time=now(), update_time=now()),
                )
            settle_memory()
            figures = await measure_all(db, folder)
            await db.dispose()
    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")


if __name__ == "__main__":
    uvloop.run(main())
