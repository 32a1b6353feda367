"""Does every statement of the hot paths find its rows by an index on a filled table?"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dev.postgres import Postgres
from services.kit.database import open_engine
from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.slices import MAX_UID, Slice
from services.targeting.domain.subscriptions import Device, TagFilter, Window
from services.targeting.store import audience, listings, opt_outs, removals, subscriptions, tags
from services.targeting.store.audience import Stretch
from services.targeting.store.removals import Removal
from tests import databases
from tests.conftest import NOON
from tests.targeting.crowds import flood, flood_opt_outs, new_tag

PHONE = Device(500, "phone", "", Platform.IOS, known=True)
FIRST_PAGE = Window((0, ""), 0, 101)
LATER_PAGE = Window((9000, "news"), 0, 101)


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
    return tag_ids


class Plans:
    """The plans of the statements that were sent meanwhile."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, object]] = []

    def hear(self, *call: object) -> None:
        _, _, statement, parameters, _, _ = call
        self.statements.append((str(statement), parameters))

    async def read(self, tx: AsyncConnection) -> str:
        assert self.statements
        lines: list[str] = []
        for statement, parameters in list(self.statements):
            plan = await tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)  # type: ignore[arg-type]  # as it was sent
            lines += plan.scalars()
        return "\n".join(lines)


@contextmanager
def watching(tx: AsyncConnection) -> Iterator[Plans]:
    plans = Plans()
    sa.event.listen(tx.sync_connection, "before_cursor_execute", plans.hear)
    try:
        yield plans
    finally:
        sa.event.remove(tx.sync_connection, "before_cursor_execute", plans.hear)


async def judge(filled: Filled, plans: Plans) -> None:
    plan = await plans.read(filled.tx)

    assert "Index" in plan
    for table in ("subscriptions", "broadcast_opt_outs"):
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
        await audience.members(filled.tx, filled.app_id, filled.tag_ids, platforms, piece, 2001)

    await judge(filled, plans)


async def test_who_of_given_uids_holds_a_tag(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await audience.holders(filled.tx, filled.app_id, filled.tag_ids, list(range(1, 2000)))

    await judge(filled, plans)


async def test_opt_outs(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await opt_outs.within(filled.tx, filled.app_id, Slice(None, 100, 600), 2001)
        await opt_outs.among(filled.tx, filled.app_id, list(range(100, 600)))
        await opt_outs.come_back(filled.tx, filled.app_id, 500)

    await judge(filled, plans)


async def test_subscribing_and_unsubscribing(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await tags.ids_of(filled.tx, filled.app_id, ["news", "offers"])
        await subscriptions.remove(filled.tx, filled.app_id, PHONE, filled.tag_ids)
        await subscriptions.add(filled.tx, filled.app_id, PHONE, filled.tag_ids, NOON)

    await judge(filled, plans)


async def test_deleted_devices(filled: Filled) -> None:
    ended = [(filled.app_id, uid) for uid in range(50)]
    with watching(filled.tx) as plans:
        await subscriptions.end_devices(filled.tx, ended)
        await opt_outs.end_devices(filled.tx, ended)

    await judge(filled, plans)


async def test_a_sweep(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        of_tag = Removal(1, filled.app_id, filled.tag_ids[0], None)
        assert await removals.sweep(filled.tx, of_tag, 100) == 100
        of_application = Removal(2, filled.app_id, None, 10_000)
        assert await removals.sweep(filled.tx, of_application, 100) == 100

    await judge(filled, plans)


@pytest.mark.parametrize("window", [FIRST_PAGE, LATER_PAGE])
async def test_lists(filled: Filled, window: Window) -> None:
    with watching(filled.tx) as plans:
        await listings.of_application(filled.tx, filled.app_id, TagFilter(), window)
        await listings.of_devices(filled.tx, filled.app_id, [5, 6, 9001], TagFilter(), window)

    await judge(filled, plans)


@pytest.mark.parametrize("window", [FIRST_PAGE, LATER_PAGE])
async def test_lists_of_a_tag(filled: Filled, window: Window) -> None:
    with watching(filled.tx) as plans:
        rows, _ = await listings.of_tags(filled.tx, filled.app_id, filled.tag_ids[:1], window)
    assert len(rows) == 101

    await judge(filled, plans)


async def test_a_page_of_tags_with_their_counts(filled: Filled) -> None:
    with watching(filled.tx) as plans:
        await tags.page(filled.tx, filled.app_id, (), after="m", skip=0, limit=5, counted=True)

    await judge(filled, plans)
