"""Does a walk through what came of a message meet each outcome once, forwards and back?"""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch import deliveries
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Outcome, Place
from services.dispatch.store import days, intake, ledger
from services.kit.paging import Window
from tests.conftest import NOON
from tests.dispatch.makers import APP, a_message
from tests.dispatch.test_counts import append, note

READING = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def tx(dispatch_db: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with dispatch_db.connect() as connection, connection.begin():
        await days.open_days(connection, NOON.date(), 1)
        yield connection


@pytest.fixture
async def message(tx: AsyncConnection) -> Message:
    """Thirty outcomes in segments of all sizes, whose uids lie among each other's."""
    told, another = a_message(), a_message()
    await intake.accept(tx, [told, another])
    uids = list(range(1, 31))
    for step in (7, 5, 3, 2, 1):
        await append(tx, told, *uids[::step])
        await append(tx, another, *uids[::step])
        uids = [uid for uid in uids if uid not in uids[::step]]
    await note(tx, told, Outcome.OPEN, 5)
    return told


async def read(
    tx: AsyncConnection, message: Message, window: Window[Place]
) -> list[tuple[Place, int]]:
    return [(place, each.uid) for place, each in await deliveries.page(tx, message, window)]


@READING
@given(size=some.integers(1, 32), segments=some.integers(1, 4))
async def test_every_outcome_once_and_the_same_way_back(
    tx: AsyncConnection, message: Message, size: int, segments: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deliveries, "SEGMENTS", segments)
        for backward in (False, True):
            found: list[tuple[Place, int]] = []
            window: Window[Place] = Window(backward=backward, size=size)
            while rows := (await read(tx, message, window))[:size]:
                found += rows
                window = Window(rows[-1][0], backward, size=size)

            assert sorted(uid for _, uid in found) == list(range(1, 31))
            assert [place for place, _ in found] == sorted(
                (place for place, _ in found), reverse=backward
            )


@READING
@given(size=some.integers(1, 10), skip=some.integers(0, 35))
async def test_some_can_be_passed_over(
    tx: AsyncConnection, message: Message, size: int, skip: int
) -> None:
    whole = await read(tx, message, Window(size=100))
    part = await read(tx, message, Window(skip=skip, size=size))

    assert part == whole[skip : skip + size + 1]


async def test_a_receipt_outranks_the_gateways_word(tx: AsyncConnection, message: Message) -> None:
    found = {each.uid: each.outcome for _, each in await deliveries.page(tx, message, Window())}

    assert found.pop(5) is Outcome.OPEN
    assert set(found.values()) == {Outcome.SENT}


async def test_a_report_counts_each_device_where_it_came_furthest(
    tx: AsyncConnection, message: Message
) -> None:
    counted = await deliveries.report(tx, message)

    assert {(each.platform, each.outcome): each.count for each in counted} == {
        (Platform.IOS, Outcome.SENT): 29,
        (Platform.IOS, Outcome.OPEN): 1,
    }


async def test_only_the_messages_day_is_looked_into(tx: AsyncConnection, message: Message) -> None:
    await days.open_days(tx, NOON.date(), 30)
    plan = "\n".join(
        (
            await tx.exec_driver_sql(
                "EXPLAIN SELECT segment_id FROM ledger WHERE day = $1 AND app_id = $2 "
                "AND message_id = $3 ORDER BY segment_id LIMIT 8",
                (NOON.date(), APP, message.message_id),
            )
        ).scalars()
    )
    assert await ledger.count(tx, message)

    assert plan.count("ledger_2026") <= 2, plan
