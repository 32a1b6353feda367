"""Do the statements about waiting parcels and reports use their indexes, however long the queue?"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.circuits import Cause, Key, Opening
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.parcels import Lane
from services.dispatch.store import (
    circuits,
    days,
    fuses,
    intake,
    messages,
    outbox,
    parcels,
    plans,
)
from tests.conftest import NOON
from tests.dispatch.makers import APP, a_message, to_devices
from tests.registry.test_plans import overhearing

ROWS = 30_000
LEASE = timedelta(seconds=30)
IOS = Key(APP, Platform.IOS, "production")
# A third is ready and of Android, a third is leased, and a third is parked for iOS.
FILL = (
    """
    INSERT INTO parcels (app_id, message_id, lane, place, platform, gate, after_uid,
                         through_uid, first_time, state, due_time)
    SELECT CAST(:app AS uuid), 'abcdefgh', 2, n, CASE WHEN n % 3 = 0 THEN 1 ELSE 2 END,
           CASE WHEN n % 3 = 0 THEN 'production' ELSE '' END, n, n + 1, now(),
           CASE n % 3 WHEN 0 THEN 4 WHEN 1 THEN 1 ELSE 2 END, now() + interval '1 hour'
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO address_reports (app_id, uid, platform, address_digest, found_time, finding, held,
                                 due_time)
    SELECT CAST(:app AS uuid), n, 1, sha256('x'), now(), 1, n % 100 > 0, now()
    FROM generate_series(1, :rows) AS n
    """,
)
# Half of them small; the first twenty are due.
SCHEDULED = """
    INSERT INTO plans (app_id, message_id, is_small, due_time)
    SELECT gen_random_uuid(), 'abcdefgh', n % 2 = 0, now() + (n - 20) * interval '1 minute'
    FROM generate_series(1, :rows) AS n
"""
# A sequence, and tables that are empty here.
SMALL = {"express_clock", "messages", "weights"}
Verb = Callable[[AsyncConnection], Awaitable[Any]]
BEGIN: Verb = lambda tx: intake.begin_small(tx, 500)  # noqa: E731  a row of a table
VERBS: dict[str, tuple[Verb, set[str]]] = {
    "lease": (lambda tx: parcels.lease(tx, Lane.BULK, 8, LEASE), {"parcels_ready"}),
    "wake": (lambda tx: parcels.wake(tx, 50), {"parcels_due"}),
    "lease what is parked": (
        lambda tx: parcels.lease_parked(tx, IOS, LEASE),
        {"parcels_parked"},
    ),
    "claim probes": (lambda tx: circuits.claim_probes(tx, LEASE), {"parcels_parked"}),
    "forget idle circuits": (
        lambda tx: circuits.forget_idle(tx, timedelta()),
        {"parcels_parked"},
    ),
    "park what is ready": (
        lambda tx: circuits.park_ready(tx, timedelta(days=1), 50),
        {"parcels_of_platform"},
    ),
    "take reports": (lambda tx: outbox.take(tx, 50), {"address_reports_due"}),
    "count what is held": (lambda tx: fuses.count_held(tx, Key(APP, Platform.ANDROID)), set()),
}


async def test_no_statement_of_the_queue_reads_it_from_end_to_end(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        for statement in FILL:
            await tx.execute(sa.text(statement), {"app": APP, "rows": ROWS})
        opening = Opening(Cause.OUTAGE, "curl 7")
        await circuits.open_(tx, IOS, opening, 1, timedelta(seconds=-1))
        await tx.execute(sa.text("ANALYZE"))
    for name, (verb, indexes) in VERBS.items():
        plan = await explain(dispatch_db, verb)

        assert "Seq Scan on parcels" not in plan, (name, plan)
        assert "Seq Scan on address_reports" not in plan, (name, plan)
        assert all(index in plan for index in indexes), (name, plan)


async def test_what_is_scheduled_is_not_looked_at_before_its_time(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        await tx.execute(sa.text(SCHEDULED), {"rows": ROWS})
        await tx.execute(sa.text("ANALYZE"))
    for verb, index in ((lambda tx: plans.lease(tx, LEASE), "plans_due"), (BEGIN, "plans_small")):
        plan = await explain(dispatch_db, verb)

        assert f"using {index}" in plan, plan
        assert "Index Cond: (due_time <= now())" in plan, plan
        assert set(re.findall("Seq Scan on (\\w+)", plan)) <= SMALL, plan


async def test_the_end_of_a_message_is_found_without_reading_the_ledger(
    dispatch_db: AsyncEngine,
) -> None:
    """What was believed before: EXISTS is answered by the first row.

    While there were no statistics of a day, the server read its whole ledger into a table of
    hashes each time that messages were looked at.
    """
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, NOON.date(), 1)
        for _ in range(10):
            await intake.accept(tx, [a_message(to_devices("phone"), now=NOON) for _ in range(500)])
    plan = await explain(dispatch_db, lambda tx: messages.finish(tx, NOON, 250))

    assert "Seq Scan on ledger" not in plan, plan


async def explain(db: AsyncEngine, verb: Verb) -> str:
    """The plans of what the verb runs; its changes are undone."""
    async with db.connect() as tx:
        async with overhearing(db) as heard:
            await verb(tx)
        told = []
        for statement, parameters in heard:
            lines = await tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            told.append("\n".join(line for (line,) in lines))
        await tx.rollback()
    return "\n".join(told)
