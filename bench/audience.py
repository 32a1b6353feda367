"""How fast a target's recipients come from the database into a sender's hands.

A million devices; registry and targeting each a process, PostgreSQL beside them, and this process
reads as a sender does: dispatch's own client, several slices under way at once. Told are recipients
a second, and microseconds of CPU for each, process by process: where other work runs beside, only
the latter say something. The last line of the standard output is one of JSON.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID

import asyncpg
import msgspec
import uvloop

from bench.cpu import cpu_seconds, differences
from bench.figures import describe_machine
from dev import databases
from dev.console import Console
from dev.house import House, Place, free_ports
from dev.keys import load_keys
from dev.postgres import running
from dev.rooms import LOOPBACK, describe
from dev.settings import Databases
from services.dispatch.api.rooms import TargetingRoom
from services.dispatch.domain.messages import Expression, Operator, Target, TargetKind
from services.dispatch.domain.parcels import Slice
from services.kit.client import open_channel
from services.kit.process import House as Opened
from services.kit.process import settle_memory

DEVICES = 1_000_000
IN_FLIGHT = 16
ROUNDS = 3
APP = UUID(int=7)
# Another of the same size, some of whose devices want no broadcasts.
PICKY_APP = UUID(int=8)
ROOMS = ("registry", "targeting")
TOLD = {"LOG_LEVEL": "WARNING"}
CLIENT = "client"

FILL_REGISTRY = (
    """
    INSERT INTO applications (app_id, display_name, enabled, create_time, update_time, old_style,
                              verify_client_secret, clients_list_devices, web_sites_only)
    VALUES ($1, 'bench', true, now(), now(), false, true, false, false)
    """,
    # Half of them with an address as Apple's are, half with one as Google's.
    """
    INSERT INTO devices (app_id, device_id, platform, address, address_digest, variables,
                         user_agent, state, address_time, create_time, update_time)
    SELECT $1, 'device ' || n, 1 + n % 2,
           encode(sha256(n::text::bytea), 'hex') || repeat('x', 98 * (n % 2)::int),
           sha256(n::text::bytea), '{}', '', 1, now(), now(), now()
    FROM generate_series(1, $2::bigint) AS n
    """,
)
# Every tenth device has one tag, every third the other; they are of both platforms.
FILL_TARGETING = (
    """
    INSERT INTO tags (app_id, name, description, create_time, update_time)
    SELECT $1, name, '', now(), now() FROM unnest(ARRAY['tenth', 'third']) AS name
    """,
    """
    INSERT INTO subscriptions (app_id, tag_id, platform, uid, create_time)
    SELECT $1, tag_id, 1 + uid % 2, uid, now()
    FROM tags, generate_series($2::bigint, $3::bigint) AS uid
    WHERE app_id = $1 AND uid % CASE name WHEN 'tenth' THEN 10 ELSE 3 END = 0
    """,
    """
    INSERT INTO broadcast_opt_outs (app_id, uid, create_time)
    SELECT $1, uid, now() FROM generate_series($2::bigint, $3::bigint, 100) AS uid
    """,
)
TENTH, THIRD = (Expression(Operator.TAG, tag_name=name) for name in ("tenth", "third"))
NOT_THIRD = Expression(Operator.NOT, parts=(THIRD,))


@dataclass(frozen=True, slots=True)
class Case:
    """A target, and the word by which its figures go."""

    word: str
    app_id: UUID
    target: Target


@dataclass(frozen=True, slots=True)
class Run:
    """What one reading of a whole target took."""

    recipients: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        return self.recipients / self.seconds

    def each(self, name: str) -> float:
        """Microseconds of a process's CPU for each recipient."""
        return self.cpu[name] / self.recipients * 1e6


CASES = (
    Case("broadcast", APP, Target(TargetKind.EVERYONE)),
    Case("broadcast_with_opt_outs", PICKY_APP, Target(TargetKind.EVERYONE)),
    Case("tag", APP, Target(TargetKind.TAGS, names=("tenth",))),
    Case(
        "expression",
        APP,
        Target(
            TargetKind.EXPRESSION, expression=Expression(Operator.AND, parts=(TENTH, NOT_THIRD))
        ),
    ),
    Case("denial", APP, Target(TargetKind.EXPRESSION, expression=NOT_THIRD)),
)


async def fill(urls: Databases) -> None:
    registry = await asyncpg.connect(urls.registry_database_url)
    targeting = await asyncpg.connect(urls.targeting_database_url)
    for app_id in (APP, PICKY_APP):
        await registry.execute(FILL_REGISTRY[0], app_id)
        await registry.execute(FILL_REGISTRY[1], app_id, DEVICES)
        low, high = await registry.fetchrow(
            "SELECT min(uid), max(uid) FROM devices WHERE app_id = $1", app_id
        )
        new_tags, subscriptions, opt_outs = FILL_TARGETING
        await targeting.execute(new_tags, app_id)
        await targeting.execute(subscriptions, app_id, low, high)
        if app_id == PICKY_APP:
            await targeting.execute(opt_outs, app_id, low, high)
    for connection in (registry, targeting):
        await connection.execute("VACUUM (ANALYZE)")
        await connection.close()


@asynccontextmanager
async def open_rooms() -> AsyncIterator[House]:
    """PostgreSQL and the two rooms that answer for an audience."""
    with (
        tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder,
        running(Path(folder) / "postgres", databases.SETTINGS) as postgres,
    ):
        urls = await databases.prepare(postgres)
        await databases.migrate_all(urls)
        say(f"filling in two applications of {DEVICES:,} devices")
        await fill(urls)
        state = Path(folder)
        place = Place(state, free_ports(), urls, load_keys(state))
        rooms = [
            room for room in describe(place.ports, urls, place.keys, state) if room.name in ROOMS
        ]
        for room in rooms:
            room.environment.update(TOLD)
        house = House(place, rooms, Console())
        try:
            for room in rooms:
                await house.start_room(room.name)
            yield house
        finally:
            await house.close()


async def cut(audience: TargetingRoom, case: Case) -> list[Slice]:
    return [
        piece
        async for cut in audience.slice_target(case.app_id, case.target, "")
        for piece in cut.slices
    ]


async def resolve(audience: TargetingRoom, case: Case, slices: Sequence[Slice]) -> int:
    """Read all slices, so many at once; how many recipients there were."""
    waiting = iter(slices)

    async def work() -> int:
        count = 0
        for piece in waiting:
            async for chunk in audience.resolve_slice(case.app_id, case.target, piece):
                count += len(chunk.recipients)
        return count

    return sum(await asyncio.gather(*(work() for _ in range(IN_FLIGHT))))


async def measure(
    house: House, audience: TargetingRoom, case: Case, figures: dict[str, float]
) -> None:
    started = time.perf_counter()
    slices = await cut(audience, case)
    cut_rate = len(slices) / (time.perf_counter() - started)
    runs = []
    for _ in range(ROUNDS):
        before, own, started = cpu_seconds(house), time.process_time(), time.perf_counter()
        count = await resolve(audience, case, slices)
        seconds = time.perf_counter() - started
        cpu = differences(before, cpu_seconds(house))
        runs.append(Run(count, seconds, {**cpu, CLIENT: time.process_time() - own}))
    rates = [run.rate for run in runs]
    best = min(runs, key=lambda run: sum(run.cpu.values()))
    shares = {name: best.each(name) for name in best.cpu}
    say(
        f"{case.word}: {best.recipients:,} recipients in {len(slices):,} slices,"
        f" {median(rates):,.0f} a second ({min(rates):,.0f} to {max(rates):,.0f});"
        f" {sum(shares.values()):.2f} µs of CPU each: "
        + ", ".join(f"{name} {micros:.2f}" for name, micros in shares.items())
        + f"; cut at {cut_rate:,.0f} slices a second"
    )
    figures[f"{case.word}_recipients_per_s"] = round(median(rates))
    figures[f"{case.word}_cpu_us_per_recipient"] = round(sum(shares.values()), 3)
    figures |= {f"{case.word}_{name}_us": round(micros, 3) for name, micros in shares.items()}
    figures[f"{case.word}_slices_per_s"] = round(cut_rate)


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def main() -> None:
    say(describe_machine())
    figures: dict[str, float] = {}
    async with open_rooms() as house, Opened() as opened:
        address = f"{LOOPBACK}:{house.place.ports.targeting_port}"
        audience = TargetingRoom(open_channel(opened, address), timeout=10.0)
        settle_memory()
        for case in CASES:
            await measure(house, audience, case, figures)
        opened.ending.set()
    figures["load"] = round(os.getloadavg()[0], 2)
    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")


if __name__ == "__main__":
    uvloop.run(main())
