"""Does every statement of the hot paths find its rows by an index on a filled table?"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dev.postgres import Postgres
from services.kit.database import open_engine
from services.kit.paging import Window
from services.kit.prepared import Prepared
from services.targeting.domain.events import Position
from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.slices import MAX_UID, Slice
from services.targeting.domain.subscriptions import Device, TagFilter
from services.targeting.store import (
    audience,
    counts,
    events,
    listings,
    opt_outs,
    removals,
    subscriptions,
    tags,
)
from services.targeting.store.audience import Stretch
from services.targeting.store.removals import Removal
from tests import databases
from tests.conftest import NOON
from tests.targeting.crowds import flood, flood_opt_outs, new_tag

PHONE = Device(500, "phone", "", Platform.IOS, known=True)
WINDOWS: list[Window[tuple[int, int]]] = [
    Window(),
    Window((9000, 0)),
    Window((9000, 0), backward=True),
]


# Of many other applications.
COUNTED = """
    WITH other AS (SELECT gen_random_uuid() AS app_id, n FROM generate_series(1, 10000) AS n),
    changed AS (
        INSERT INTO count_changes (app_id, kind, tag_id, delta)
        SELECT app_id, 2, n, 1 FROM other
    )
    INSERT INTO counts SELECT app_id, 2, n, 1 + n FROM other
"""

# By a hundred thousand transactions of other applications.
TOLD = """
    WITH watched AS (
        INSERT INTO watches SELECT gen_random_uuid(), now() FROM generate_series(1, 1000)
    )
    INSERT INTO subscription_events
        (position, app_id, kind, uid, tag_id, tag_name, create_time)
    SELECT n::text::xid8, gen_random_uuid(), 1, n, n, 'news', timestamptz '2026-01-01'
    FROM generate_series(1, 100000) AS n
"""
FILLED = (
    "subscriptions",
    "broadcast_opt_outs",
    "counts",
    "count_changes",
    "watches",
    "subscription_events",
)


@dataclass(frozen=True, slots=True)
class Filled:
    """Tables of which a sixth is the application's."""

    tx: AsyncConnection
    app_id: UUID
    tag_ids: list[int]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled_database(postgres: Postgres) -> AsyncIterator[tuple[str, UUID, list[int]]]:
    """Filled once: the tests below roll back what they change."""
    app_id = uuid4()
    async with databases.fresh(postgres, "targeting") as url:
        db = open_engine(url)
        tag_ids = await fill(db, app_id, 20_000)
        await fill(db, uuid4(), 100_000)
        async with db.begin() as tx:
            await tx.execute(sa.text(TOLD))
        async with db.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(sa.text("VACUUM (ANALYZE)"))
        await db.dispose()
        yield url, app_id, tag_ids


@pytest.fixture
async def filled(filled_database: tuple[str, UUID, list[int]]) -> AsyncIterator[Filled]:
    url, app_id, tag_ids = filled_database
    db = open_engine(url)
    async with db.connect() as tx:
        yield Filled(tx, app_id, tag_ids)
    await db.dispose()


async def fill(db: AsyncEngine, app_id: UUID, devices: int) -> list[int]:
    tag_ids = [await new_tag(db, app_id, name) for name in ("news", "offers")]
    await flood(db, app_id, tag_ids[0], Platform.IOS, range(1, devices * 3 // 4))
    await flood(db, app_id, tag_ids[1], Platform.ANDROID, range(2, devices, 4))
    await flood_opt_outs(db, app_id, range(3, devices, 3))
    for number in range(30):
        await new_tag(db, app_id, f"tag {number}")
    async with db.begin() as tx:
        await tx.execute(sa.text(COUNTED))
    return tag_ids


class Plans:
    """The plans of the statements that were sent meanwhile."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, object]] = []
        self.hot: set[str] = set()

    def hear(self, *call: object) -> None:
        _, _, statement, parameters, _, _ = call
        self.statements.append((str(statement), parameters))

    async def read(self, tx: AsyncConnection, options: str = "COSTS ON") -> str:
        assert self.statements
        lines: list[str] = []
        for statement, parameters in list(self.statements):
            plan = await tx.exec_driver_sql(f"EXPLAIN ({options}) {statement}", parameters)  # type: ignore[arg-type]  # as it was sent
            lines += plan.scalars()
            if statement in self.hot:
                lines += await explain_for_any_values(tx, statement)
        return "\n".join(lines)


async def explain_for_any_values(tx: AsyncConnection, statement: str) -> list[str]:
    """The plan that the server may keep, once it has run a prepared statement five times."""
    driver: Any = (await tx.get_raw_connection()).driver_connection
    nulls = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement))))
    await driver.execute("SET plan_cache_mode = force_generic_plan")
    await driver.execute(f"PREPARE asked AS {statement}")
    lines = await driver.fetch(f"EXPLAIN EXECUTE asked{f'({nulls})' if nulls else ''}")
    await driver.execute("DEALLOCATE asked; RESET plan_cache_mode")
    return [line for (line,) in lines]


@contextmanager
def watching(tx: AsyncConnection) -> Iterator[Plans]:
    plans = Plans()
    fetch = Prepared.fetch

    async def overhear(prepared: Prepared, tx: AsyncConnection, **values: object) -> Any:
        plans.statements.append((prepared.text, tuple(prepared.bind(values))))
        plans.hot.add(prepared.text)
        return await fetch(prepared, tx, **values)

    sa.event.listen(tx.sync_connection, "before_cursor_execute", plans.hear)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Prepared, "fetch", overhear)
            yield plans
    finally:
        sa.event.remove(tx.sync_connection, "before_cursor_execute", plans.hear)


async def judge(filled: Filled, plans: Plans) -> None:
    plan = await plans.read(filled.tx)

    assert "Index" in plan
    for table in FILLED:
        assert f"Seq Scan on {table}" not in plan, plan


async def test_the_ends_of_a_stretch(filled: Filled) -> None:
    stretch = Stretch(filled.app_id, filled.tag_ids, Platform.IOS, 100, MAX_UID)
    with watching(filled.tx) as plans:
        assert await audience.bounds(filled.tx, stretch) == (101, 14_999)

    await judge(filled, plans)


async def test_a_stretch_that_is_cut(filled: Filled) -> None:
    stretch = Stretch(filled.app_id, filled.tag_ids, Platform.IOS, 100, 3000)
    with watching(filled.tx) as plans:
        reading = await audience.share_out(filled.tx, stretch, size=500, carried=0, max_rows=50_000)
    assert reading.rows == 2900

    await judge(filled, plans)


@pytest.mark.parametrize("platforms", [PLATFORMS, (Platform.IOS,)])
async def test_the_members_of_a_slice(filled: Filled, platforms: tuple[Platform, ...]) -> None:
    piece = Slice(None, 100, 600)
    with watching(filled.tx) as plans:
        await audience.members(
            filled.tx,
            filled.app_id,
            filled.tag_ids,
            platforms,
            [piece, Slice(None, 700, 900)],
            2001,
        )

    await judge(filled, plans)


async def test_who_of_given_uids_holds_a_tag(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await audience.holders(filled.tx, filled.app_id, filled.tag_ids, list(range(1, 2000)))

    await judge(filled, plans)


async def test_an_expression_weighs_by_uid(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await tags.ids_of(filled.tx, filled.app_id, ["news", "offers"])
        await audience.holdings(filled.tx, filled.app_id, filled.tag_ids, list(range(1, 16_000, 8)))

    await judge(filled, plans)


async def test_opt_outs(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await opt_outs.within(filled.tx, filled.app_id, [Slice(None, 100, 600)], 2001)
        await opt_outs.among(filled.tx, filled.app_id, list(range(100, 600)))
        await opt_outs.come_back(filled.tx, filled.app_id, 500, NOON)
        await opt_outs.leave(filled.tx, filled.app_id, 500, NOON)

    await judge(filled, plans)


async def test_subscribing_and_unsubscribing(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await tags.ids_of(filled.tx, filled.app_id, ["news", "offers"])
        await subscriptions.remove(filled.tx, filled.app_id, PHONE, filled.tag_ids, NOON)
        await subscriptions.add(filled.tx, filled.app_id, PHONE, filled.tag_ids, NOON)

    await judge(filled, plans)


async def test_deleted_devices(filled: Filled) -> None:
    ended = [(filled.app_id, uid) for uid in range(50)]
    with watching(filled.tx) as plans:
        await subscriptions.end_devices(filled.tx, ended)
        await opt_outs.end_devices(filled.tx, ended)

    await judge(filled, plans)


async def test_the_feed_of_what_happens(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await events.watch(filled.tx, [filled.app_id], NOON)
        await events.read_after(filled.tx, Position(15_000, 1), 500)
        await events.remove(filled.tx, NOON, 100)
        await events.forget_watches(filled.tx, NOON)

    await judge(filled, plans)


async def test_a_sweep(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        of_tag = Removal(1, filled.app_id, filled.tag_ids[0], None)
        assert await removals.sweep(filled.tx, of_tag, 100) == 100
        of_application = Removal(2, filled.app_id, None, 10_000)
        assert await removals.sweep(filled.tx, of_application, 100) == 100

    await judge(filled, plans)


@pytest.mark.parametrize("window", WINDOWS)
async def test_lists(filled: Filled, window: Window[tuple[int, int]]) -> None:
    tx, app_id = filled.tx, filled.app_id
    with watching(tx) as plans:
        await listings.walk(tx, app_id, TagFilter(), PLATFORMS, window, 101)
        await listings.walk(tx, app_id, TagFilter(parts=(("e",),)), PLATFORMS, window, 1000)
        await listings.of_devices(tx, app_id, [5, 6, 9001], TagFilter(), window)
        await listings.name_of(tx, app_id, 5, filled.tag_ids[0])

    await judge(filled, plans)


@pytest.mark.parametrize("window", WINDOWS)
async def test_lists_of_a_tag(filled: Filled, window: Window[tuple[int, int]]) -> None:
    tag_ids = filled.tag_ids[:1]
    with watching(filled.tx) as plans:
        rows = await listings.of_tags(filled.tx, filled.app_id, tag_ids, PLATFORMS, window, 101)
    assert len(rows) == 101

    await judge(filled, plans)


async def test_a_walk_reads_no_more_than_its_limit(filled: Filled) -> None:
    window: Window[tuple[int, int]] = Window((9000, 0))
    with watching(filled.tx) as plans:
        await listings.walk(filled.tx, filled.app_id, TagFilter(), PLATFORMS, window, 101)
    plan = await plans.read(filled.tx, "ANALYZE, TIMING OFF")
    (scan,) = [line for line in plan.splitlines() if "subscriptions_by_device" in line]

    assert "actual rows=101" in scan, plan


@pytest.mark.parametrize("backward", [False, True])
async def test_a_page_of_tags_with_their_counts(filled: Filled, *, backward: bool) -> None:
    with watching(filled.tx) as plans:
        window: Window[tuple[str]] = Window(("m",), backward=backward, size=5)
        await tags.page(filled.tx, filled.app_id, (), window, counted=True)
        await counts.tags_of(filled.tx, filled.app_id)
        await counts.subscriptions_of(filled.tx, filled.app_id)

    await judge(filled, plans)


async def test_folding_counts(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        assert await counts.fold(filled.tx, 100) == 100

    await judge(filled, plans)
