"""Do slices cover an audience, each recipient once, wherever they are cut and taken up again?"""

from itertools import pairwise
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry import slicer as slicing
from services.registry.domain.device import Device, Platform
from services.registry.domain.recipient import (
    Audience,
    DeviceIds,
    Everyone,
    Filter,
    Place,
    Slice,
    Stretch,
    UserIds,
)
from services.registry.slicer import Slicer
from services.registry.store import findings, recipients
from services.registry.store.tables import devices
from tests.registry.world import phone, put_app, report, write

PLATFORMS = tuple(Platform)
# The book is only read: every example may have the same one.
READING = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)

filters: some.SearchStrategy[Filter] = some.one_of(
    some.just(Everyone()),
    some.sets(some.integers(0, 350), min_size=1).map(
        lambda numbers: DeviceIds(tuple(f"device {n}" for n in numbers))
    ),
    some.sets(some.integers(0, 12), min_size=1).map(
        lambda numbers: UserIds(tuple(f"user {n}" for n in numbers))
    ),
)
audiences = some.tuples(
    filters,
    some.sets(some.sampled_from(PLATFORMS), min_size=1).map(
        lambda wanted: tuple(p for p in PLATFORMS if p in wanted)
    ),
)


class Book:
    """300 devices on changing platforms, of ten users, every seventh one dead."""

    def __init__(self, db: AsyncEngine, app: UUID, living: list[Device]) -> None:
        self.db = db
        self.app = app
        self.living = living

    def meant(self, audience: Audience) -> list[tuple[Platform, int]]:
        return sorted(
            (
                (device.platform, device.uid)
                for device in self.living
                if device.platform in audience.platforms and is_meant(device, audience.filter)
            ),
            key=lambda one: (PLATFORMS.index(one[0]), one[1]),
        )

    async def resolve(self, audience: Audience, slices: list[Slice]) -> list[tuple[Platform, int]]:
        found = []
        async with self.db.connect() as tx:
            for one in slices:
                stretch = Stretch(one.platform, one.after_uid, one.through_uid)
                [held] = await recipients.within(tx, self.app, audience.filter, [stretch], 2001)
                assert len(held) == one.count
                found += [(one.platform, uid) for uid in held.uids]
                assert not held or list(held.platforms) == [one.platform]
        return found


def is_meant(device: Device, filter_: Filter) -> bool:
    match filter_:
        case DeviceIds(names):
            return device.device_id in names
        case UserIds(names):
            return device.user_id in names
        case _:
            return True


@pytest.fixture
async def book(registry_db: AsyncEngine) -> Book:
    app = await put_app(registry_db)
    wanted = [
        phone(app, f"device {n}", platform=PLATFORMS[n * n % 5], user_id=f"user {n % 10}")
        for n in range(300)
    ]
    async with registry_db.begin() as tx:
        made = await write(tx, wanted)
        dead = made[::7]
        await findings.settle(tx, [report(app, device) for device in dead])
    return Book(registry_db, app, [device for device in made if device not in dead])


async def cut(
    book: Book, audience: Audience, size: int, start: Place | None = None
) -> list[tuple[list[Slice], Place]]:
    return [portion async for portion in Slicer(book.db).cut(audience, size, start)]


@READING
@given(meant=audiences, size=some.integers(1, 80), at_once=some.integers(1, 7))
async def test_slices_are_disjoint_and_complete_whatever_their_size(
    book: Book, meant: tuple[Filter, tuple[Platform, ...]], size: int, at_once: int
) -> None:
    audience = Audience(book.app, *meant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slicing, "CUTS_AT_ONCE", at_once)
        slices = [one for portion, _ in await cut(book, audience, size) for one in portion]
    resolved = await book.resolve(audience, slices)

    assert resolved == book.meant(audience)
    assert all(one.count <= size for one in slices)


@READING
@given(meant=audiences, size=some.integers(1, 40), later_size=some.integers(1, 40))
async def test_taking_up_from_any_place_yields_exactly_the_rest(
    book: Book, meant: tuple[Filter, tuple[Platform, ...]], size: int, later_size: int
) -> None:
    audience = Audience(book.app, *meant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slicing, "CUTS_AT_ONCE", 3)
        portions = await cut(book, audience, size)
        for taken in range(len(portions)):
            before = [one for portion, _ in portions[: taken + 1] for one in portion]
            later = await cut(book, audience, later_size, portions[taken][1])
            after = [one for portion, _ in later for one in portion]

            assert await book.resolve(audience, before + after) == book.meant(audience)


async def test_the_slices_of_a_platform_follow_each_other_without_a_gap(book: Book) -> None:
    audience = Audience(book.app, Everyone(), (Platform.IOS,))
    slices = [one for portion, _ in await cut(book, audience, 7) for one in portion]

    assert slices[0].after_uid == 0
    assert all(one.through_uid == other.after_uid for one, other in pairwise(slices))
    assert slices[-1].through_uid == book.meant(audience)[-1][1]
    assert {one.count for one in slices[:-1]} == {7}


async def test_all_platforms_at_once_come_in_the_order_of_uids(book: Book) -> None:
    async with book.db.connect() as tx:
        [found] = await recipients.within(tx, book.app, Everyone(), [Stretch(None, 0)], 2001)

    assert list(found.uids) == sorted(device.uid for device in book.living)


async def test_a_limit_takes_the_lowest_uids(book: Book) -> None:
    users = UserIds(("user 1", "user 2"))
    async with book.db.connect() as tx:
        [every] = await recipients.within(tx, book.app, users, [Stretch(None, 0)], 2001)
        [some_of_them] = await recipients.within(tx, book.app, users, [Stretch(None, 0)], 5)

    assert some_of_them.uids == every.uids[:5]


async def test_those_behind_uids_come_without_the_unreachable(book: Book) -> None:
    async with book.db.connect() as tx:
        [found] = await recipients.behind(tx, book.app, [list(range(1, 1001))])

    assert list(found.uids) == sorted(device.uid for device in book.living)
    assert found.addresses[0] == book.living[0].address


@READING
@given(
    groups=some.lists(
        some.sets(some.integers(1, 400), min_size=1).map(sorted), min_size=1, max_size=5
    ),
    parts=some.lists(some.integers(2, 350), max_size=4, unique=True).map(sorted),
)
async def test_each_group_gets_its_own_however_they_lie_to_each_other(
    book: Book, groups: list[list[int]], parts: list[int]
) -> None:
    bounds = [1, *parts, 400]
    apart = [list(range(low, high)) for low, high in pairwise(bounds)]
    living = {device.uid: device for device in book.living}
    async with book.db.connect() as tx:
        for asked in (groups, apart):
            found = await recipients.behind(tx, book.app, asked)

            for group, held in zip(asked, found, strict=True):
                meant = [living[uid] for uid in group if uid in living]
                assert list(held.uids) == [device.uid for device in meant]
                assert list(held.addresses) == [device.address for device in meant]


async def test_what_few_have_stands_beside_whom_it_belongs_to(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    wanted = [phone(app, f"device {n}") for n in range(6)]
    wanted[2] = structs.replace(wanted[2], variables={"name": "Ada"})
    async with registry_db.begin() as tx:
        made = await write(tx, wanted)
        twin = sa.update(devices).where(devices.c.uid == made[1].uid)
        await tx.execute(twin.values(newer_twin_uid=made[4].uid))
        [within] = await recipients.within(tx, app, Everyone(), [Stretch(None, 0)], 2001)
        [behind] = await recipients.behind(tx, app, [[device.uid for device in made]])

    for found in (within, behind):
        assert list(found.variables) == [{}, {}, {"name": "Ada"}, {}, {}, {}]
        assert list(found.environments) == []
        assert list(found.newer_twin_uids) == [None, made[4].uid, None, None, None, None]


async def test_nothing_is_found_in_another_application(
    book: Book, registry_db: AsyncEngine
) -> None:
    other = await put_app(registry_db)
    async with book.db.connect() as tx:
        [found] = await recipients.within(tx, other, Everyone(), [Stretch(None, 0)], 2001)
        [behind] = await recipients.behind(tx, other, [list(range(1, 1001))])

    assert (len(found), len(behind)) == (0, 0)
