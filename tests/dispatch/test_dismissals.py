"""When is a message that was opened on one phone taken off the user's others?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.dismisser import Dismisser
from services.dispatch.domain.content import AndroidOptions, Content
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.messages import Message, Platform, TargetKind
from services.dispatch.domain.outcomes import Outcome, Receipt
from services.dispatch.domain.parcels import Lane, Parcel
from services.dispatch.domain.rooms import Identity
from services.dispatch.store import counts, days, intake, messages, parcels, receipts
from services.kit.paging import Window
from tests.conftest import NOON
from tests.dispatch.makers import APP, a_message

SYNCED = Content("Paid", android=AndroidOptions(sync=True))
LEASE = datetime.resolution * 60_000_000


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Book:
    """Registry, as far as it names whose devices these are."""

    users: dict[int, str] = field(default_factory=dict)
    is_away: bool = False

    async def identify_uids(self, _app_id: UUID, uids: Sequence[int]) -> list[Identity]:
        if self.is_away:
            raise RoomUnavailable("registry")
        return [Identity(u, f"d{u}", self.users.get(u, ""), Platform.ANDROID, False) for u in uids]


@dataclass
class Desk:
    db: AsyncEngine
    book: Book
    dismisser: Dismisser

    async def accept(self, content: Content) -> Message:
        message = a_message(content=content)
        async with self.db.begin() as tx:
            await intake.accept(tx, [message])
        return message

    async def report(self, message: Message, *uids: int, outcome: Outcome = Outcome.OPEN) -> None:
        told = [Receipt(APP, message.message_id, uid, Platform.ANDROID, outcome) for uid in uids]
        async with self.db.begin() as tx:
            await receipts.record(tx, told, now())

    async def dismissals(self) -> list[tuple[Parcel, Message]]:
        """What is in the queue once the dismisser has nothing more to do."""
        while await self.dismisser.dismiss():
            pass
        async with self.db.begin() as tx:
            taken = await parcels.lease(tx, Lane.EXPRESS, 100, LEASE)
            found = await messages.get_all(tx, APP, [parcel.message_id for parcel in taken])
        return [(parcel, found[parcel.message_id]) for parcel in taken]


@pytest.fixture
async def desk(dispatch_db: AsyncEngine) -> Desk:
    async with dispatch_db.begin() as tx:
        await days.open_days(tx, (now() - timedelta(days=1)).date(), 3)
        await days.open_days(tx, NOON.date(), 1)
    book = Book({1: "ada", 2: "ada", 3: "bob"})
    return Desk(dispatch_db, book, Dismisser(dispatch_db, book, now, ring_parcels=lambda: None))


async def test_when_it_was_opened_on_one_of_them(desk: Desk) -> None:
    message = await desk.accept(SYNCED)
    await desk.report(message, 1, 3)
    ((parcel, dismissal),) = await desk.dismissals()

    assert dismissal.content.dismisses == message.message_id
    assert dismissal.content.spared_uids == (1, 3)
    assert (dismissal.target.kind, dismissal.target.names) == (TargetKind.USERS, ("ada", "bob"))
    assert parcel.slice.platform is Platform.ANDROID


@pytest.mark.parametrize(
    ("content", "outcome"), [(Content("Paid"), Outcome.OPEN), (SYNCED, Outcome.SEEN)]
)
async def test_not_when_it_was_only_seen_or_is_not_synced(
    desk: Desk, content: Content, outcome: Outcome
) -> None:
    message = await desk.accept(content)
    await desk.report(message, 1, outcome=outcome)

    assert await desk.dismissals() == []


async def test_once_however_often_it_is_reported(desk: Desk) -> None:
    message = await desk.accept(SYNCED)
    await desk.report(message, 1, outcome=Outcome.SEEN)
    await desk.report(message, 1)
    await desk.report(message, 1)
    first = await desk.dismissals()
    await desk.report(message, 1)

    assert len(first) == 1
    assert await desk.dismissals() == []


async def test_not_for_a_device_without_a_user(desk: Desk) -> None:
    message = await desk.accept(SYNCED)
    await desk.report(message, 4)

    assert await desk.dismissals() == []


async def test_later_when_registry_is_away(desk: Desk) -> None:
    message = await desk.accept(SYNCED)
    await desk.report(message, 1)
    desk.book.is_away = True
    assert await desk.dismissals() == []

    desk.book.is_away = False
    assert len(await desk.dismissals()) == 1


async def test_message_by_message(desk: Desk) -> None:
    first, second = await desk.accept(SYNCED), await desk.accept(SYNCED)
    await desk.report(first, 1)
    await desk.report(second, 1, 2)
    sent = await desk.dismissals()

    assert {each.content.dismisses for _, each in sent} == {first.message_id, second.message_id}


async def test_without_being_listed_among_the_callers_messages(desk: Desk) -> None:
    message = await desk.accept(SYNCED)
    await desk.report(message, 1)
    await desk.dismissals()
    async with desk.db.connect() as connection:
        listed = await messages.newest(connection, APP, Window())
        counted = await counts.messages_of(connection, APP)

    assert ([each.message_id for _, each in listed], counted) == ([message.message_id], 1)
