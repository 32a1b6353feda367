"""Is one device's outcome found without looking through all of the message's, and counted right?"""

import re
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.knots import LEVELS, find_knot, list_knots
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Outcome, Result
from services.dispatch.domain.segments import unpack
from services.dispatch.store import days, ledger
from tests.conftest import NOON
from tests.dispatch.makers import a_message, put_on_record
from tests.registry.test_plans import overhearing

STEPS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
UIDS = some.integers(1, 2**63 - 1)
SEGMENTS = 10_000
# 10,000 segments of 250 uids on five platforms, and one of a later attempt across each hundred.
FILL = """
    INSERT INTO ledger (day, app_id, message_id, parcel_id, platform, knot, first_uid, last_uid,
                        uids, codes, kinds)
    SELECT CAST(:day AS date), CAST(:app AS uuid), :message, :number, :platform, :knot, :first,
           :last, '', '', '[[2, "", 1]]'
"""


@pytest.fixture
async def tx(dispatch_db: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with dispatch_db.connect() as connection, connection.begin():
        await days.open_days(connection, NOON.date(), 1)
        yield connection


@given(some.tuples(UIDS, UIDS, UIDS).map(sorted))
def test_a_stretch_stands_under_a_knot_of_every_number_that_it_spans(numbers: list[int]) -> None:
    first, number, last = numbers
    knot = find_knot(first, last)

    assert first <= knot <= last
    assert knot in list_knots(number)


@given(UIDS)
def test_a_number_has_few_knots_and_each_only_once(number: int) -> None:
    knots = list_knots(number)

    assert number in knots
    assert len(set(knots)) == len(knots) <= LEVELS
    assert all(0 < knot < 2**63 for knot in knots)


async def test_among_ten_thousand_segments_only_those_around_are_read(
    tx: AsyncConnection,
) -> None:
    message = a_message()
    spans = [(n % 5 + 1, n // 5 * 250 + 1, n // 5 * 250 + 250) for n in range(SEGMENTS)]
    spans += [(1, n * 5000 + 1, n * 5000 + 5000) for n in range(SEGMENTS // 100)]
    rows = [
        {
            "day": NOON.date(),
            "app": message.app_id,
            "message": message.message_id,
            "number": number,
            "platform": platform,
            "knot": find_knot(first, last),
            "first": first,
            "last": last,
        }
        for number, (platform, first, last) in enumerate(spans)
    ]
    await tx.execute(sa.text(FILL), rows)
    await tx.execute(sa.text("ANALYZE ledger"))
    for uid in (1, 70_000, 250_001, 499_999):
        async with overhearing(tx.engine) as heard:
            found = await ledger.find(tx, message, [uid])
        [(statement, parameters)] = heard
        explained = await tx.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters)
        plan = "\n".join(explained.scalars())
        read = re.search(r"Buffers: shared hit=(\d+)", plan)

        # Five platforms' own, and one later attempt's.
        assert len(found) == 6
        assert all(segment.first_uid <= uid <= segment.last_uid for segment, _ in found)
        assert "Seq Scan" not in plan, plan
        # Three pages down to each of 63 knots, and one for each of the six.
        assert read is not None, plan
        assert int(read[1]) < 63 * 3 + 20, plan


RESULTS = some.lists(
    some.builds(
        Result,
        some.integers(1, 10_000),
        some.sampled_from([Platform.IOS, Platform.ANDROID, Platform.WEB_FIREFOX]),
        some.sampled_from([Outcome.SENT, Outcome.INVALID, Outcome.FAILED, Outcome.EXPIRED]),
        some.sampled_from(["", "Unregistered", "BadDeviceToken"]),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda result: result.uid,
)


@STEPS
@given(checkpoints=some.lists(RESULTS, max_size=6))
async def test_the_counts_are_those_of_the_outcomes(
    tx: AsyncConnection, checkpoints: list[list[Result]]
) -> None:
    message = a_message()
    expected: Counter[tuple[Platform, Outcome, str]] = Counter()
    for results in checkpoints:
        await put_on_record(tx, message, results)
        expected.update((each.platform, each.outcome, each.reason) for each in results)
    counted = await ledger.count(tx, message)
    read = await ledger.read(tx, message, None, backward=False, limit=1000)
    listed = Counter(
        (each.platform, each.outcome, each.reason)
        for _, segment, _ in read
        for each in unpack(segment)
    )

    assert {(c.platform, c.outcome, c.reason): c.count for c in counted} == expected == listed


@STEPS
@given(checkpoints=some.lists(RESULTS, min_size=1, max_size=6))
async def test_each_uid_is_found_where_it_stands(
    tx: AsyncConnection, checkpoints: list[list[Result]]
) -> None:
    message = a_message()
    for results in checkpoints:
        await put_on_record(tx, message, results)
    wanted = [results[0] for results in checkpoints]
    found = await ledger.find(tx, message, [each.uid for each in wanted])
    spanning = {each for segment, _ in found for each in unpack(segment)}

    assert set(wanted) <= spanning
