"""Are the kept counts always what counting would find?"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.messages import Message, Platform, Status
from services.dispatch.domain.outcomes import Outcome, Receipt
from services.dispatch.planner import Planner
from services.dispatch.store import counts, days, halts, intake, messages, receipts, tables
from tests.conftest import NOON
from tests.dispatch.makers import a_message, put_on_record, sent

NOBODY: Any = None
DAY = timedelta(days=1)
STEPS = some.tuples(
    some.sampled_from(["accept", "cancel", "SEEN", "OPEN", "append", "forget", "fold", "some"]),
    some.integers(0, 3),
    some.lists(some.integers(1, 5), min_size=1, unique=True),
)
CHANGING = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def db(dispatch_db: AsyncEngine) -> AsyncEngine:
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, (NOON - DAY).date(), 3)
    return dispatch_db


async def append(tx: AsyncConnection, message: Message, *uids: int) -> None:
    await put_on_record(tx, message, sent(*uids))


async def note(tx: AsyncConnection, message: Message, outcome: Outcome, *uids: int) -> None:
    reported = [
        Receipt(message.app_id, message.message_id, uid, Platform.IOS, outcome) for uid in uids
    ]
    await receipts.record(tx, reported, NOON)


@dataclass
class Life:
    """Messages of one application, to which things happen."""

    app: UUID = field(default_factory=uuid4)
    accepted: list[Message] = field(default_factory=list)
    sent: Counter[date] = field(default_factory=Counter)

    async def step(self, tx: AsyncConnection, what: str, which: int, uids: list[int]) -> None:
        if what == "accept":
            now = NOON - DAY if which % 2 else NOON
            message = a_message(app_id=self.app, now=now, status=Status.DISPATCHING)
            await intake.accept(tx, [message])
            self.accepted.append(message)
        elif what == "forget":
            await messages.forget(tx, NOON - DAY / 2, which)
        elif what == "some":
            await counts.fold(tx, 1)
        elif what == "fold" or not self.accepted:
            await counts.fold(tx, 1000)
        else:
            message = self.accepted[which % len(self.accepted)]
            match what:
                case "cancel":
                    await halts.cancel(tx, message, NOON)
                case "append":
                    await append(tx, message, *uids)
                    self.sent[message.create_time.date()] += len(uids)
                case _:
                    await note(tx, message, Outcome[what], *uids)


async def recount(tx: AsyncConnection, app: UUID) -> Counter[tuple[str, date, Outcome]]:
    rows = await tx.execute(
        sa.select(
            tables.receipts.c.message_id,
            tables.receipts.c.day,
            tables.receipts.c.outcome,
            sa.func.count(),
        )
        .where(tables.receipts.c.app_id == app)
        .group_by(*(tables.receipts.c[name] for name in ("message_id", "day", "outcome")))
    )
    return Counter({(row[0], row[1], Outcome(row[2])): row[3] for row in rows})


@CHANGING
@given(steps=some.lists(STEPS, max_size=15))
async def test_after_whatever_happens(
    db: AsyncEngine, steps: list[tuple[str, int, list[int]]]
) -> None:
    life = Life()
    for step in [("accept", 0, [1]), *steps]:
        async with db.begin() as tx:
            await life.step(tx, *step)
        async with db.connect() as tx:
            listed = sa.select(sa.func.count()).where(
                tables.messages.c.app_id == life.app, tables.messages.c.status != Status.CANCELLED
            )

            assert await counts.messages_of(tx, life.app) == (await tx.execute(listed)).scalar()
            await compare(tx, life)


async def compare(tx: AsyncConnection, life: Life) -> None:
    found = await recount(tx, life.app)
    by_day: Counter[tuple[date, Outcome]] = Counter()
    for (_, day, outcome), count in found.items():
        by_day[day, outcome] += count
    for day, count in life.sent.items():
        by_day[day, Outcome.SENT] += count
    kept = await counts.outcomes_of(tx, life.app, (NOON - DAY).date())
    for message in life.accepted:
        day = message.create_time.date()
        ours = await counts.receipts_of(tx, life.app, message.message_id, day)

        assert {each.outcome: each.count for each in ours} == {
            key[2]: count for key, count in found.items() if key[0] == message.message_id
        }
    assert {(each.day, each.outcome): each.count for each in kept} == dict(by_day)


async def test_when_many_report_and_fold_at_once(db: AsyncEngine) -> None:
    message = a_message()
    async with db.begin() as tx:
        await intake.accept(tx, [message])

    async def report(uid: int) -> None:
        for outcome in (Outcome.SEEN, Outcome.OPEN, Outcome.SEEN):
            async with db.begin() as tx:
                await note(tx, message, outcome, uid)
            async with db.begin() as tx:
                await counts.fold(tx, 3)

    await asyncio.gather(*(report(uid) for uid in range(1, 9)))
    async with db.connect() as tx:
        (kept,) = await counts.receipts_of(tx, message.app_id, message.message_id, NOON.date())

    assert (kept.outcome, kept.count) == (Outcome.OPEN, 8)


async def test_beyond_retention_all_of_a_message_is_forgotten(db: AsyncEngine) -> None:
    today = datetime.now(UTC)
    old, new = [a_message(now=today - age * DAY) for age in (91, 89)]
    async with db.begin() as tx:
        for message in (old, new):
            await days.open_days(tx, message.day, 1)
        await intake.accept(tx, [old, new])
        for message in (old, new):
            await append(tx, message, 1, 2)
            await note(tx, message, Outcome.SEEN, 1)

    def ignore() -> None: ...

    # A clock that jumps ahead makes nothing old by itself: the database's is asked too.
    planner = Planner(
        db, NOBODY, lambda: today + DAY / 2, ring_parcels=ignore, retention=90 * DAY, lease_time=DAY
    )
    await planner.fold()
    await planner.keep_house()
    await planner.fold()
    async with db.connect() as tx:
        for table in (tables.messages, tables.ledger, tables.receipts, tables.receipt_counts):
            left = await tx.execute(sa.select(table.c.message_id))

            assert list(left.scalars()) == [new.message_id], table.name
        assert await counts.messages_of(tx, new.app_id) == 1
        # What was counted for the days outlives the messages.
        assert len(await counts.outcomes_of(tx, new.app_id, old.day)) == 4
