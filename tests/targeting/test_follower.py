"""What ends with a deleted device or application?"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.faults import RegistryUnavailable
from services.targeting.domain.platforms import Platform
from services.targeting.domain.registry import ApplicationDeleted, Changes, DeviceDeleted
from services.targeting.follower import Follower
from services.targeting.store import feed, tags
from services.targeting.store.tables import opt_outs, removals, subscriptions
from services.targeting.sweeper import GRACE, Sweeper
from tests.conftest import NOON
from tests.targeting.book import Book
from tests.targeting.conftest import Clock
from tests.targeting.crowds import Member, member, settle

PHONE = Member(member(1).entry, frozenset({"news", "offers"}), opted_out=True)
TABLET = Member(member(2, Platform.ANDROID).entry, frozenset({"news"}), opted_out=True)


def make_follower(db: AsyncEngine, book: Book, clock: Clock) -> Follower:
    return Follower(db, book, clock, seconds=3600)


async def remaining(db: AsyncEngine, table: sa.Table, app_id: UUID) -> list[int]:
    async with db.connect() as connection:
        statement = sa.select(table.c.uid).where(table.c.app_id == app_id).order_by(table.c.uid)
        return list((await connection.execute(statement)).scalars())


async def drain(sweeper: Sweeper) -> int:
    steps = 0
    while await sweeper.step():
        steps += 1
    return steps


async def test_a_deleted_devices_subscriptions_and_opt_out_are_gone(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    book = Book()
    await settle(targeting_db, app_id, [PHONE, TABLET])
    book.feed.append(DeviceDeleted(app_id, 1))
    while await make_follower(targeting_db, book, clock).step():
        pass

    assert await remaining(targeting_db, subscriptions, app_id) == [2]
    assert await remaining(targeting_db, opt_outs, app_id) == [2]


async def test_the_same_uid_of_another_application_stays(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    book = Book()
    await settle(targeting_db, app_id, [TABLET])
    book.feed.append(DeviceDeleted(uuid4(), 2))
    await make_follower(targeting_db, book, clock).step()

    assert await remaining(targeting_db, subscriptions, app_id) == [2]


async def test_the_feed_goes_on_where_it_was_left(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    book = Book()
    book.feed += [DeviceDeleted(app_id, uid) for uid in range(1, 1002)]
    follower = make_follower(targeting_db, book, clock)
    steps = [await follower.step() for _ in range(4)]
    async with targeting_db.connect() as connection:
        position = await feed.position(connection)

    assert (steps, position) == ([True, True, True, False], "1001")


async def test_a_late_follower_does_not_turn_the_feed_back(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    @dataclass
    class Overtaken(Book):
        """While it answers, somebody else follows."""

        def __post_init__(self) -> None:
            super().__init__()

        async def changes(self, position: str) -> Changes:
            async with targeting_db.begin() as tx:
                await feed.move(tx, position, "further")
            return Changes((DeviceDeleted(app_id, 1),), "near")

    await settle(targeting_db, app_id, [PHONE])
    await make_follower(targeting_db, Overtaken(), clock).step()
    async with targeting_db.connect() as connection:
        position = await feed.position(connection)

    assert position == "further"
    assert await remaining(targeting_db, opt_outs, app_id) == [1]


async def test_a_deleted_application_is_swept_in_batches(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    book, other = Book(), uuid4()
    await settle(targeting_db, app_id, [PHONE, TABLET])
    await settle(targeting_db, other, [PHONE])
    book.feed.append(ApplicationDeleted(app_id))
    await make_follower(targeting_db, book, clock).step()
    clock.pass_by(GRACE + timedelta(seconds=1))
    async with targeting_db.connect() as connection:
        assert await tags.ids_of(connection, app_id, ["news", "offers"]) == {}
    await drain(Sweeper(targeting_db, clock, seconds=3600, batch=1))
    async with targeting_db.connect() as connection:
        left = (await connection.execute(sa.select(sa.func.count(removals.c.removal_id)))).scalar()

    assert await remaining(targeting_db, subscriptions, app_id) == []
    assert await remaining(targeting_db, opt_outs, app_id) == []
    assert await remaining(targeting_db, subscriptions, other) == [1, 1]
    assert left == 0


async def test_a_tag_made_again_keeps_its_new_subscriptions(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    await settle(targeting_db, app_id, [PHONE])
    async with targeting_db.begin() as tx:
        await tags.delete(tx, app_id, "news", clock())
    await settle(targeting_db, app_id, [member(3, Platform.IOS, "news")])
    clock.pass_by(GRACE + timedelta(seconds=1))
    await drain(Sweeper(targeting_db, clock, seconds=3600))

    assert await remaining(targeting_db, subscriptions, app_id) == [1, 3]


async def test_nothing_is_swept_while_somebody_may_still_subscribe(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    await settle(targeting_db, app_id, [PHONE])
    async with targeting_db.begin() as tx:
        await tags.delete(tx, app_id, "news", clock())
    clock.pass_by(GRACE)

    assert not await Sweeper(targeting_db, clock, seconds=3600).step()


async def test_it_waits_for_a_registry_that_is_away(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    ending = asyncio.Event()

    class Returning(Book):
        """Away at first."""

        async def changes(self, position: str) -> Changes:
            self.asked.append(position)
            if len(self.asked) == 1:
                raise RegistryUnavailable
            if position:
                ending.set()
            return Changes((), "1")

    book = Returning()
    async with asyncio.timeout(10):
        await Follower(targeting_db, book, clock, seconds=0.001).run(ending)

    assert book.asked == ["", "", "1"]


async def test_a_bug_ends_it(targeting_db: AsyncEngine, clock: Clock) -> None:
    class Broken(Book):
        async def changes(self, position: str) -> Changes:
            raise ZeroDivisionError(position)

    with pytest.raises(ZeroDivisionError):
        await make_follower(targeting_db, Broken(), clock).run(asyncio.Event())


async def test_times_are_those_of_the_clock(
    targeting_db: AsyncEngine, app_id: UUID, clock: Clock
) -> None:
    async with targeting_db.begin() as tx:
        await tags.create(tx, app_id, "news", "", NOON)
        await tags.delete_all(tx, app_id, clock())
        noted = (await tx.execute(sa.select(removals.c.create_time))).scalar_one()

    assert noted == NOON
