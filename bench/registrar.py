"""How many registrations a second registry's storage layer takes, without gRPC and HTTP.

Concurrent callers of the Registrar, against a PostgreSQL of its own with its usual durability.
Beside it in the same run: one statement and one transaction per registration, over as many
connections as the Registrar could use. The last line of the standard output is one of JSON.
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
from uuid import UUID

import msgspec
import sqlalchemy as sa
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.figures import describe_machine
from dev import databases
from dev.postgres import running
from services.kit.database import open_engine
from services.registry.domain.device import Platform, Registration
from services.registry.registrar import Registrar
from services.registry.store import applications, registrations

APP = UUID(int=7)
CALLERS = (16, 100, 400)
SECONDS = 3.0
ROUNDS = 3

Register = Callable[[Registration], Awaitable[object]]


def now() -> datetime:
    return datetime.now(UTC)


async def measure(register: Register, callers: int) -> float:
    """Registrations a second by so many callers, each of whom waits for its answer."""
    run, address = secrets.token_hex(4), secrets.token_urlsafe(110)
    numbers, end = count(), time.perf_counter() + SECONDS

    async def call() -> int:
        done = 0
        while time.perf_counter() < end:
            name = f"{run}-{next(numbers)}"
            await register(
                Registration(APP, name, Platform.ANDROID, f"{name}:{address}", user_id=name)
            )
            done += 1
        return done

    began = time.perf_counter()
    done = await asyncio.gather(*(call() for _ in range(callers)))
    return sum(done) / (time.perf_counter() - began)


def one_by_one(db: AsyncEngine) -> Register:
    """The yardstick: nobody shares."""

    async def register(registration: Registration) -> None:
        async with db.begin() as tx:
            await applications.hold(tx, [APP])
            await registrations.write(tx, [registration], now())

    return register


async def measure_all(db: AsyncEngine) -> dict[str, float]:
    registrar = Registrar(db, now)
    figures: dict[str, float] = {}
    for callers in CALLERS:
        alone, shared = [], []
        for _ in range(ROUNDS):
            alone.append(await measure(one_by_one(db), min(callers, 16)))
            shared.append(await measure(registrar.register, callers))
        rate, yardstick = median(shared), median(alone)
        say(
            f"{callers} callers: {rate:,.0f} a second ({min(shared):,.0f} to {max(shared):,.0f}),"
            f" one by one {yardstick:,.0f}, ratio {rate / yardstick:.1f}"
        )
        figures[f"registrations_per_s_{callers}"] = round(rate)
        figures[f"ratio_{callers}"] = round(rate / yardstick, 2)
    await registrar.close()
    return figures


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def main() -> None:
    say(describe_machine())
    with (
        tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder,
        running(Path(folder) / "postgres", databases.SETTINGS) as postgres,
    ):
        urls = await databases.prepare(postgres)
        await databases.migrate_all(urls)
        db = open_engine(urls.registry_database_url, pool_size=16)
        async with db.begin() as tx:
            await tx.execute(
                sa.text(
                    "INSERT INTO applications (app_id, display_name, enabled, create_time,"
                    " update_time) VALUES (:app_id, 'bench', true, now(), now())"
                ),
                {"app_id": APP},
            )
        figures = await measure_all(db)
        await db.dispose()
    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")


if __name__ == "__main__":
    uvloop.run(main())
