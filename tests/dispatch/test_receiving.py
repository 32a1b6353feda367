"""What becomes of receipts that many devices hand in at once?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.faults import DeviceNotFound, MessageNotFound, RoomUnavailable
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Outcome, Report
from services.dispatch.domain.rooms import Identity
from services.dispatch.receiving import Receiving
from services.dispatch.store import days, halts, intake, receipts
from tests.conftest import NOON
from tests.dispatch.makers import APP, OTHER_APP, a_message

SEEN, OPEN = Outcome.SEEN, Outcome.OPEN
CHANGING = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass
class Book:
    """Registry: every `d<uid>` is a device. It notes what it is asked."""

    away: set[UUID] = field(default_factory=set)
    asked: list[tuple[UUID, int]] = field(default_factory=list)

    async def identify_devices(self, app_id: UUID, device_ids: Sequence[str]) -> list[Identity]:
        self.asked.append((app_id, len(device_ids)))
        if app_id in self.away:
            raise RoomUnavailable("registry")
        return [
            Identity(int(name[1:]), name, "", Platform.IOS, deleted=False)
            for name in device_ids
            if name[1:].isdecimal()
        ]


@dataclass
class Desk:
    db: AsyncEngine
    book: Book
    receiving: Receiving
    message: Message

    def report(self, device_id: str, outcome: Outcome = SEEN, **changed: Any) -> Report:
        named: dict[str, Any] = {"app_id": APP, "message_id": self.message.message_id} | changed
        return Report(device_id=device_id, outcome=outcome, **named)

    async def noted(self, *uids: int) -> dict[int, Outcome]:
        async with self.db.connect() as tx:
            found = await receipts.find(tx, self.message, uids)
        return {uid: outcome for uid, (_, outcome, _) in found.items()}


@pytest.fixture
async def desk(dispatch_db: AsyncEngine) -> Desk:
    book, message = Book(), a_message()
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, NOON.date(), 1)
        await intake.accept(tx, [message])
    receiving = Receiving(dispatch_db, book, lambda: NOON, ring_outbox=lambda: None)  # type: ignore[arg-type]  # all that is asked
    return Desk(dispatch_db, book, receiving, message)


async def test_a_storm_costs_few_questions(desk: Desk) -> None:
    answers = await asyncio.gather(
        *(desk.receiving.record(desk.report(f"d{uid}")) for uid in range(1, 401))
    )

    assert answers == [SEEN] * 400
    assert len(desk.book.asked) == 1
    assert await desk.noted(1, 400) == {1: SEEN, 400: SEEN}


@CHANGING
@given(order=some.lists(some.sampled_from([SEEN, OPEN]), min_size=1, max_size=5))
async def test_it_never_goes_back(desk: Desk, order: list[Outcome]) -> None:
    desk.message = a_message()
    async with desk.db.begin() as tx:
        await intake.accept(tx, [desk.message])
    answers = [await desk.receiving.record(desk.report("d1", outcome)) for outcome in order]

    assert answers == [max(order[: n + 1]) for n in range(len(order))]
    assert await desk.noted(1) == {1: max(order)}


async def test_of_two_that_meet_in_a_group_both_learn_the_furthest(desk: Desk) -> None:
    reports = [desk.report("d1", OPEN), desk.report("d1", SEEN)]

    assert await desk.receiving.record_all(reports) == [OPEN, OPEN]


async def test_of_a_deleted_message_nothing_is_known_any_more(desk: Desk) -> None:
    """What was believed before: that a report of one that is read nowhere is worth keeping."""
    async with desk.db.begin() as tx:
        await halts.cancel(tx, desk.message, NOON)
    [answer] = await desk.receiving.record_all([desk.report("d1")])

    assert isinstance(answer, MessageNotFound)
    assert await desk.noted(1) == {}


async def test_what_is_wrong_with_one_spares_the_others(desk: Desk) -> None:
    desk.book.away.add(OTHER_APP)
    answers = await desk.receiving.record_all(
        [
            desk.report("d1"),
            desk.report("nobody"),
            desk.report("d2", message_id="NoSuch00"),
            desk.report("d3", app_id=OTHER_APP),
            desk.report("d4"),
        ]
    )

    assert [answers[0], answers[4]] == [SEEN, SEEN]
    assert [type(answer) for answer in answers[1:4]] == [
        DeviceNotFound,
        MessageNotFound,
        RoomUnavailable,
    ]
