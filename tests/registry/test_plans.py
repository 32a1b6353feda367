"""Do the hot statements find what they look for by an index, however large the book?"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.kit.paging import Window
from services.kit.prepared import Prepared
from services.registry.domain.change import Position
from services.registry.domain.device import (
    AddressReport,
    DeviceQuery,
    Platform,
    State,
    digest_address,
)
from services.registry.domain.recipient import DeviceIds, Everyone, Filter, Stretch, UserIds
from services.registry.room import open_book
from services.registry.store import (
    access,
    changes,
    counts,
    devices,
    findings,
    identities,
    lookups,
    recipients,
    twins,
)
from tests.conftest import NOON
from tests.registry.world import put_app

ROWS = 30_000
# One platform in a hundred is rare, one user has a few devices, the rest is common.
FILL = (
    """
    INSERT INTO devices (app_id, device_id, platform, address, address_digest, user_id, variables,
                         user_agent, state, address_time, create_time, update_time)
    SELECT CAST(:app AS uuid), 'device ' || n, CASE WHEN n % 100 = 0 THEN 1 ELSE 2 END,
           'address ' || n, sha256(CAST('address ' || n - CAST(n % 50 = 0 AS int) AS bytea)),
           'user ' || n / 4, '{}', '',
           CASE WHEN n % 10 = 0 THEN 3 ELSE 1 END, now(), now(), now()
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO tombstones (app_id, uid, device_id, platform, delete_time)
    SELECT CAST(:app AS uuid), :rows + n, 'device ' || n, 2, now()
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO applications (app_id, display_name, enabled, create_time, update_time, old_style,
                              verify_client_secret, clients_list_devices, web_sites_only)
    SELECT gen_random_uuid(), '', true, now(), now(), false, CAST(:app AS uuid) IS NOT NULL, false,
           false
    FROM generate_series(1, :rows / 10)
    """,
    """
    INSERT INTO application_secrets (app_id, kind, digest, create_time)
    SELECT app_id, 1 + n, sha256(CAST(app_id::text AS bytea)), now()
    FROM applications, generate_series(0, 1) AS n
    WHERE CAST(:app AS uuid) IS NOT NULL AND :rows > 0
    """,
    """
    INSERT INTO api_keys (app_id, key_id, display_name, role, digest, create_time)
    SELECT app_id, 'key ' || n, '', 1, sha256(CAST(app_id::text AS bytea)), now()
    FROM applications, generate_series(1, 10) AS n
    WHERE CAST(:app AS uuid) IS NOT NULL AND :rows > 0
    """,
    """
    INSERT INTO changes (app_id, kind, uid, create_time)
    SELECT CAST(:app AS uuid), 1, n, now() FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO device_counts (app_id, kind, day, platform, total)
    SELECT gen_random_uuid(), 2, date '2026-01-01' + n % 400, 1 + n % 6, n
    FROM generate_series(1, :rows) AS n WHERE CAST(:app AS uuid) IS NOT NULL
    """,
    """
    INSERT INTO device_count_changes (app_id, kind, day, platform, delta)
    SELECT gen_random_uuid(), 1, date '2000-01-01', 1 + n % 6, 1
    FROM generate_series(1, :rows) AS n WHERE CAST(:app AS uuid) IS NOT NULL
    """,
)
VISIBLE = "SELECT relallvisible = relpages AND relpages > 0 FROM pg_class WHERE relname = 'devices'"
Verb = Callable[[AsyncConnection, UUID], Awaitable[Any]]

ANDROID, IOS = Platform.ANDROID, Platform.IOS
FEW = [f"device {n}" for n in range(1, 20_000, 400)]
USERS = [f"user {n}" for n in range(1, 5_000, 100)]


def cut(filter_: Filter) -> Verb:
    return lambda tx, app: recipients.cut(
        tx, app, filter_, ANDROID, after_uid=9_000, size=50, limit=4
    )


def within(filter_: Filter) -> Verb:
    stretches = [Stretch(ANDROID, 9_000, 9_900), Stretch(ANDROID, 20_000, 20_600)]
    return lambda tx, app: recipients.within(tx, app, filter_, stretches, 501)


def listing(uid: int = 9_000, *, backward: bool = False, **query: Any) -> Verb:
    return lambda tx, app: devices.page(
        tx, DeviceQuery(app, **query), Window((uid,), backward=backward)
    )


def settle(tx: AsyncConnection, app: UUID) -> Awaitable[findings.Settled]:
    reports = [
        AddressReport(app, uid, b"x" * 32, NOON, State.DEAD if uid % 2 else State.QUARANTINED)
        for uid in range(1, 1000, 9)
    ]
    return findings.settle(tx, reports)


VERBS: dict[str, tuple[Verb, set[str]]] = {
    "find": (lambda tx, app: devices.find(tx, app, "device 7"), {"devices_by_device_id"}),
    "end": (
        lambda tx, app: devices.end(tx, [(app, name) for name in FEW], NOON),
        {"devices_by_device_id"},
    ),
    "settle findings": (settle, {"devices_pkey"}),
    "restore everyone": (lambda tx, app: findings.restore(tx, app, []), {"devices_quarantined"}),
    "restore some": (
        lambda tx, app: findings.restore(tx, app, FEW),
        {"devices_quarantined"},
    ),
    "count quarantined": (findings.count_quarantined, {"devices_quarantined"}),
    "list everyone": (listing(), {"devices_pkey"}),
    "list a rare platform": (listing(platforms=(IOS,)), {"devices_by_platform"}),
    "list a user": (listing(0, user_id="user 9"), {"devices_by_user"}),
    "list back": (listing(backward=True), {"devices_pkey"}),
    "list a rare platform back": (
        listing(backward=True, platforms=(IOS,)),
        {"devices_by_platform"},
    ),
    "read behind uids": (
        lambda tx, app: devices.behind(tx, app, list(range(1, 200))),
        {"devices_pkey"},
    ),
    "count devices": (
        counts.listed,
        {"device_counts_pkey", "device_count_changes_by_key"},
    ),
    "count registrations": (
        lambda tx, app: counts.registered(tx, app, NOON.date()),
        {"device_counts_pkey", "device_count_changes_by_key"},
    ),
    "fold counts": (
        lambda tx, _: counts.fold(tx, 100),
        {"device_count_changes_pkey", "device_counts_empty"},
    ),
    "forget days": (
        lambda tx, _: counts.forget_days(tx, date(2020, 1, 1)),
        {"device_counts_by_day"},
    ),
    "cut everyone": (cut(Everyone()), {"devices_by_platform"}),
    "cut devices": (cut(DeviceIds(tuple(FEW))), {"devices_by_device_id"}),
    "cut users": (cut(UserIds(tuple(USERS))), {"devices_by_user"}),
    "resolve everyone": (within(Everyone()), {"devices_by_platform"}),
    "resolve devices": (within(DeviceIds(tuple(FEW))), {"devices_by_device_id"}),
    "resolve users": (within(UserIds(tuple(USERS))), {"devices_by_user"}),
    "resolve uids": (
        lambda tx, app: recipients.behind(tx, app, [list(range(1, 2000)), [7, 9]]),
        {"devices_pkey"},
    ),
    "identify uids": (
        lambda tx, app: identities.by_uids(tx, app, list(range(1, 200))),
        {"devices_pkey", "tombstones_pkey"},
    ),
    "identify devices": (
        lambda tx, app: identities.by_device_ids(tx, app, FEW),
        {"devices_by_device_id", "tombstones_by_device_id"},
    ),
    "identify a user": (
        lambda tx, app: identities.by_user(tx, app, "user 9"),
        {"devices_by_user"},
    ),
    "judge secrets": (
        lambda tx, app: access.accounts(tx, [app]),
        {"applications_pkey", "application_secrets_pkey"},
    ),
    "judge keys": (lambda tx, app: access.find_keys(tx, [(app, "key 7")]), {"api_keys_pkey"}),
    "confirm verdicts": (
        lambda tx, app: access.versions(tx, [app] * 100),
        {"applications_pkey"},
    ),
    "read changes": (
        lambda tx, _: changes.read_after(tx, Position(2**40, 0), 500),
        {"changes_pkey"},
    ),
}


@asynccontextmanager
async def overhearing(db: AsyncEngine) -> AsyncIterator[list[tuple[str, Any]]]:
    """The statements that are run meanwhile, with their parameters."""
    heard: list[tuple[str, Any]] = []
    fetch = Prepared.fetch

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        heard.append((statement, parameters))

    async def overhear(prepared: Prepared, tx: AsyncConnection, **values: object) -> Any:
        heard.append((prepared.text, tuple(prepared.bind(values))))
        return await fetch(prepared, tx, **values)

    sa.event.listen(db.sync_engine, "before_cursor_execute", hear)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Prepared, "fetch", overhear)
            yield heard
    finally:
        sa.event.remove(db.sync_engine, "before_cursor_execute", hear)


@pytest.fixture
async def full_app(registry_db: AsyncEngine) -> UUID:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        for statement in FILL:
            await tx.execute(sa.text(statement), {"app": app, "rows": ROWS})
    async with registry_db.connect() as tx:
        autocommit = await tx.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(sa.text("ANALYZE"))
        # Pages count as visible to all once the log of their commit is written, a moment later.
        async with asyncio.timeout(20):
            while not (await autocommit.execute(sa.text(VISIBLE))).scalar_one():
                await autocommit.execute(sa.text("VACUUM devices"))
    return app


async def explain(db: AsyncEngine, app: UUID, verb: Verb) -> list[str]:
    """The plans of what the verb runs; its changes are undone."""
    plans = []
    async with db.connect() as tx:
        async with overhearing(db) as heard:
            await verb(tx, app)
        for statement, parameters in heard:
            lines = await tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(line for (line,) in lines))
            plans.append(await explain_for_any_values(tx, statement))
        await tx.rollback()
    return plans


async def explain_for_any_values(tx: AsyncConnection, statement: str) -> str:
    """The plan that the server may keep, once it has run a prepared statement five times."""
    driver: Any = (await tx.get_raw_connection()).driver_connection
    nulls = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement))))
    await driver.execute("SET plan_cache_mode = force_generic_plan")
    await driver.execute(f"PREPARE asked AS {statement}")
    lines = await driver.fetch(f"EXPLAIN EXECUTE asked{f'({nulls})' if nulls else ''}")
    await driver.execute("DEALLOCATE asked; RESET plan_cache_mode")
    return "\n".join(line for (line,) in lines)


async def test_no_hot_statement_reads_a_table_from_end_to_end(
    registry_db: AsyncEngine, full_app: UUID
) -> None:
    for name, (verb, indexes) in VERBS.items():
        plan = "\n".join(await explain(registry_db, full_app, verb))

        assert "Seq Scan on devices" not in plan, (name, plan)
        assert "Seq Scan on tombstones" not in plan, (name, plan)
        assert "Seq Scan on changes" not in plan, (name, plan)
        assert "Seq Scan on application" not in plan, (name, plan)
        assert "Seq Scan on api_keys" not in plan, (name, plan)
        assert "Seq Scan on device_count" not in plan, (name, plan)
        assert all(index in plan for index in indexes), (name, plan)


async def test_cutting_everyone_never_touches_the_table(
    registry_db: AsyncEngine, full_app: UUID
) -> None:
    plans = await explain(registry_db, full_app, cut(Everyone()))

    assert all("Index Only Scan using devices_by_platform" in plan for plan in plans), plans


async def test_resolving_ten_thousand_recipients_takes_five_statements(
    registry_db: AsyncEngine, full_app: UUID
) -> None:
    async with registry_db.connect() as tx, overhearing(registry_db) as heard:
        after, found = 0, 0
        while found < 10_000:
            [got] = await recipients.within(
                tx, full_app, Everyone(), [Stretch(ANDROID, after)], 2000
            )
            after, found = got.uids[-1], found + len(got)

    assert len(heard) == 5


BATCHES: dict[str, tuple[Prepared, dict[str, Any], str]] = {
    "find devices": (
        lookups.FIND,
        {"device_ids": [f"device {n}" for n in range(500)]},
        "devices_by_device_id",
    ),
    "find twins": (
        twins.FIND,
        {
            "owner": [1] * 500,
            "uids": list(range(500)),
            "digests": [digest_address(str(n)) for n in range(500)],
        },
        "devices_by_address",
    ),
}


async def test_batches_look_each_device_up_by_its_own_index(
    registry_db: AsyncEngine, full_app: UUID
) -> None:
    for name, (batch, values, index) in BATCHES.items():
        asked = batch.bind({"app_ids": [full_app] * 500, "owners": [full_app]} | values)
        async with registry_db.connect() as tx:
            driver: Any = (await tx.get_raw_connection()).driver_connection
            lines = await driver.fetch(f"EXPLAIN {batch.text}", *asked)
        plan = "\n".join(line for (line,) in lines)

        assert f"Index Scan using {index}" in plan, (name, plan)
        assert "Seq Scan on devices" not in plan, (name, plan)


async def test_a_book_that_grows_is_not_read_as_when_it_was_empty(registry_url: str) -> None:
    """What was believed before: the server sees by itself that a table has grown.

    Until the next ANALYZE, a minute later, plans that were kept went on reading the book from end
    to end, once for each of 500 registrations.
    """
    app = UUID(int=7)
    asked = f"""'{{1}}', '{{1}}', '{{"\\\\x00"}}', '{{{app}}}'"""
    db = open_book(registry_url)
    async with db.connect() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        await driver.execute("VACUUM devices")
        await driver.execute(f"PREPARE twins AS {twins.FIND.text}")
        for _ in range(10):
            await driver.execute(f"EXECUTE twins({asked})")
        grown = FILL[0].replace(":app", f"'{app}'").replace(":rows", "5000")
        await driver.execute(grown)
        lines = await driver.fetch(f"EXPLAIN EXECUTE twins({asked})")
    await db.dispose()
    plan = "\n".join(line for (line,) in lines)

    assert "Index Scan using devices_by_address" in plan, plan


@pytest.mark.parametrize(
    ("kind", "index"), [(DeviceIds, "devices_by_device_id"), (UserIds, "devices_by_user")]
)
async def test_a_name_is_looked_up_by_its_index_before_there_are_statistics(
    registry_url: str, kind: type[DeviceIds] | type[UserIds], index: str
) -> None:
    """What was believed before: a limit for each name keeps the planner from the application.

    In a book that was filled within a minute it took the index by uid, and passed all devices for
    each single send: 3 ms of the server instead of 0.2.
    """
    app = UUID(int=7)
    statement = recipients.WITHIN[kind, False, False]
    db = open_book(registry_url)
    async with db.connect() as tx:
        driver: Any = (await tx.get_raw_connection()).driver_connection
        await driver.execute(FILL[0].replace(":app", f"'{app}'").replace(":rows", "5000"))
        values = recipients._values(app, kind(("somebody",)), [Stretch(None, 0)], 100)
        lines = await driver.fetch(f"EXPLAIN {statement.text}", *statement.bind(values))
    await db.dispose()
    plan = "\n".join(line for (line,) in lines)

    assert f"using {index}" in plan, plan
    assert "devices_pkey" not in plan, plan
