"""Do lists, counts and receipts find what they look for by an index, however much there is?"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Outcome, Receipt
from services.dispatch.store import counts, days, intake, ledger, messages, receipts
from services.kit.paging import Window
from tests.conftest import NOON
from tests.dispatch.makers import a_message

ROWS = 20_000
DAY = timedelta(days=1)
# Of many other applications, but for the segments and receipts of one message.
FILL = (
    """
    INSERT INTO messages (app_id, message_id, content, target, annotation, trace_parent, status,
                          create_time, start_time)
    SELECT CASE WHEN n % 10 = 0 THEN CAST(:app AS uuid) ELSE gen_random_uuid() END,
           lpad(CAST(n AS text), 8, '0'), jsonb_build_object('alert', 'Hi'),
           jsonb_build_object('kind', 'everyone'), '', '', CASE WHEN n % 3 = 0 THEN 8 ELSE 4 END,
           CAST(:noon AS timestamptz) + n * interval '1 second',
           CAST(:noon AS timestamptz) + n * interval '1 second'
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO ledger (day, app_id, message_id, parcel_id, platform, knot, first_uid, last_uid,
                        uids, codes, kinds)
    SELECT CAST(:day AS date),
           CASE WHEN n % 4 = 0 THEN CAST(:app AS uuid) ELSE gen_random_uuid() END,
           :message, n, 1, n, n, n, decode('01', 'hex'), '', '[[2, "", 1]]'
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO receipts (day, app_id, message_id, uid, platform, outcome, update_time)
    SELECT CAST(:day AS date),
           CASE WHEN n % 4 = 0 THEN CAST(:app AS uuid) ELSE gen_random_uuid() END,
           :message, n, 1, 3, now()
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO day_counts (app_id, day, platform, outcome, total)
    SELECT gen_random_uuid(), CAST(:day AS date) - n % 300, 1, 2, n
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO receipt_counts (app_id, day, message_id, platform, outcome, total)
    SELECT gen_random_uuid(), CAST(:day AS date), :message, 1, 3, n
    FROM generate_series(1, :rows) AS n
    """,
)
TABLES = ("messages", "ledger", "receipts", "receipt_counts", "day_counts", "count_changes")
Verb = Callable[[AsyncConnection, Message], Awaitable[Any]]
BEYOND: list[Window[tuple[int]]] = [Window(), Window((9_000,)), Window((900,), backward=True)]


def listing(window: Window[tuple[int]]) -> Verb:
    return lambda tx, told: messages.newest(tx, told.app_id, window)


def report(tx: AsyncConnection, told: Message) -> Awaitable[Any]:
    reported = [
        Receipt(told.app_id, told.message_id, uid, Platform.IOS, Outcome.OPEN)
        for uid in range(4, 404, 4)
    ]
    return receipts.record(tx, reported, NOON)


VERBS: dict[str, tuple[Verb, str]] = {
    **{f"list messages {window}": (listing(window), "messages_newest") for window in BEYOND},
    "count messages": (lambda tx, told: counts.messages_of(tx, told.app_id), "day_counts_pkey"),
    "forget messages": (
        lambda tx, _: messages.forget(tx, NOON + timedelta(seconds=60), 100),
        "messages_by_age",
    ),
    "list outcomes": (
        lambda tx, told: ledger.read(tx, told, (9_000, 0), backward=False, limit=8),
        "segment_id",
    ),
    "list outcomes back": (
        lambda tx, told: ledger.read(tx, told, (9_000, 0), backward=True, limit=8),
        "segment_id",
    ),
    "find outcomes": (lambda tx, told: ledger.find(tx, told, [9_000]), "app_id_message_id_knot"),
    "find receipts": (lambda tx, told: receipts.find(tx, told, list(range(4, 404))), "receipts"),
    "take receipts": (report, "messages_pkey"),
    "count receipts": (
        lambda tx, told: counts.receipts_of(tx, told.app_id, told.message_id, NOON.date()),
        "receipt_counts",
    ),
    "count days": (
        lambda tx, told: counts.outcomes_of(tx, told.app_id, (NOON - DAY).date()),
        "day_counts_pkey",
    ),
    "fold counts": (lambda tx, _: counts.fold(tx, 100), "count_changes_pkey"),
    "forget days": (
        lambda tx, _: counts.forget_days(tx, (NOON - 295 * DAY).date()),
        "day_counts_by_day",
    ),
}


@pytest.fixture
async def told(dispatch_db: AsyncEngine) -> Message:
    message = a_message(app_id=uuid4())
    filled = {
        "app": str(message.app_id),
        "message": message.message_id,
        "day": NOON.date(),
        "noon": NOON,
        "rows": ROWS,
    }
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, NOON.date(), 1)
        await intake.accept(tx, [message])
        for statement in FILL:
            names = sa.text(statement).compile().params
            await tx.execute(sa.text(statement), {name: filled[name] for name in names})
        await tx.execute(
            sa.text(
                "INSERT INTO count_changes (app_id, day, message_id, platform, outcome, delta) "
                "SELECT gen_random_uuid(), CAST(:day AS date), '', 1, 2, 1 "
                "FROM generate_series(1, :rows)"
            ),
            {"day": NOON.date(), "rows": ROWS},
        )
    async with dispatch_db.connect() as tx:
        autocommit = await tx.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(sa.text("VACUUM (ANALYZE)"))
    return message


async def explain(db: AsyncEngine, told: Message, verb: Verb) -> str:
    """The plans of what the verb runs; its changes are undone."""
    heard: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        heard.append((statement, parameters))

    async with db.connect() as tx:
        sa.event.listen(db.sync_engine, "before_cursor_execute", hear)
        await verb(tx, told)
        sa.event.remove(db.sync_engine, "before_cursor_execute", hear)
        lines: list[str] = []
        for statement, parameters in heard:
            if isinstance(parameters, list):  # of inserts one by one, which have no plan to judge
                continue
            lines += (await tx.exec_driver_sql(f"EXPLAIN {statement}", parameters)).scalars()
        await tx.rollback()
    return "\n".join(lines)


async def test_no_statement_reads_a_table_from_end_to_end(
    dispatch_db: AsyncEngine, told: Message
) -> None:
    for name, (verb, index) in VERBS.items():
        plan = await explain(dispatch_db, told, verb)

        assert index in plan, (name, plan)
        for table in TABLES:
            assert f"Seq Scan on {table}" not in plan, (name, plan)
