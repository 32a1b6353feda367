"""Whom does a target mean now, within a slice and among given uids?"""

from collections.abc import AsyncIterator, Iterable
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.platforms import Platform
from services.targeting.domain.slices import MAX_UID, Rest, Slice
from services.targeting.domain.targets import (
    Everyone,
    OfDevices,
    OfPlatforms,
    OfTags,
    OfUsers,
    Target,
)
from services.targeting.store import tags
from tests.conftest import NOON
from tests.targeting.book import Book, Entry, EntryChunk
from tests.targeting.crowds import Member, crowds, flood, flood_opt_outs, new_tag, settle
from tests.targeting.engines import make_cutter, make_resolver

TAGS = ("mortgage-rates", "news", "offers")
WHOLE = Slice(None, 0, MAX_UID)
BROADCAST = OfTags(("news", "Push.ALL"))
TARGETS: tuple[Target, ...] = (
    Everyone(),
    BROADCAST,
    OfPlatforms((Platform.ANDROID, Platform.WEB_CHROME)),
    OfTags(("news", "offers", "no such tag")),
    OfUsers(("ada", "nobody")),
    OfDevices(("device 3", "device 7")),
)
SHARED_DATABASE = [HealthCheck.function_scoped_fixture]


def means(target: Target, person: Member) -> bool:
    """The contract of Target, said once more."""
    entry = person.entry
    match target:
        case OfTags(names=names) if "Push.ALL" not in names:
            meant = bool(person.tags & set(names))
        case OfUsers(names=names):
            meant = entry.user_id in names
        case OfDevices(names=names):
            meant = entry.device_id in names
        case OfPlatforms(platforms=platforms):
            meant = entry.platform in platforms and not person.opted_out
        case _:
            meant = not person.opted_out
    return meant and entry.reachable


def meant_uids(target: Target, crowd: Iterable[Member]) -> list[int]:
    return sorted(person.entry.uid for person in crowd if means(target, person))


async def uids_of(chunks: AsyncIterator[EntryChunk | Rest]) -> list[int]:
    return [uid async for c in chunks if isinstance(c, EntryChunk) for uid in c.uids]


@settings(max_examples=30, deadline=None, suppress_health_check=SHARED_DATABASE)
@given(crowd=crowds(TAGS), size=some.integers(1, 5), target=some.sampled_from(TARGETS))
async def test_all_slices_together_are_the_target(
    targeting_db: AsyncEngine, crowd: list[Member], size: int, target: Target
) -> None:
    app_id, book = uuid4(), Book(slice_size=size)
    await settle(targeting_db, app_id, crowd, book)
    cutter = make_cutter(targeting_db, book, size=size)
    resolver = make_resolver(targeting_db, book)
    found: list[int] = []
    async for cut in cutter.cut(app_id, target, ""):
        for piece in cut.slices:
            found += await uids_of(resolver.resolve_slice(app_id, target, piece))

    assert sorted(found) == meant_uids(target, crowd)


@settings(max_examples=30, deadline=None, suppress_health_check=SHARED_DATABASE)
@given(crowd=crowds(TAGS), target=some.sampled_from(TARGETS))
async def test_a_slice_of_every_platform_is_the_target(
    targeting_db: AsyncEngine, crowd: list[Member], target: Target
) -> None:
    app_id, book = uuid4(), Book()
    await settle(targeting_db, app_id, crowd, book)
    resolver = make_resolver(targeting_db, book)

    assert await uids_of(resolver.resolve_slice(app_id, target, WHOLE)) == meant_uids(target, crowd)


@settings(max_examples=40, deadline=None, suppress_health_check=SHARED_DATABASE)
@given(
    crowd=crowds(TAGS),
    target=some.sampled_from(TARGETS),
    asked=some.sets(some.integers(1, 70), min_size=1),
)
async def test_of_given_uids_exactly_those_meant_are_resolved(
    targeting_db: AsyncEngine, crowd: list[Member], target: Target, asked: set[int]
) -> None:
    app_id, book = uuid4(), Book()
    await settle(targeting_db, app_id, crowd, book)
    resolver = make_resolver(targeting_db, book)
    found = await uids_of(resolver.resolve_uids(app_id, target, sorted(asked)))

    assert found == [uid for uid in meant_uids(target, crowd) if uid in asked]


@pytest.mark.parametrize(
    "target",
    [Everyone(), OfPlatforms((Platform.IOS,)), OfTags(("news",)), OfUsers(("ada",))],
)
async def test_a_slice_that_outgrew_2000_says_where_the_rest_begins(
    targeting_db: AsyncEngine, app_id: UUID, target: Target
) -> None:
    book = Book()
    uids = range(1, 2104)
    tag_id = await new_tag(targeting_db, app_id, "news")
    await flood(targeting_db, app_id, tag_id, Platform.IOS, uids)
    book.write(app_id, *(Entry(uid, "phone", Platform.IOS, "ada") for uid in uids))
    resolver = make_resolver(targeting_db, book)
    parts = [part async for part in resolver.resolve_slice(app_id, target, WHOLE)]
    rest = parts.pop()
    assert rest == Rest(2000)
    after = Slice(Platform.IOS, 2000, MAX_UID)
    remaining = await uids_of(resolver.resolve_slice(app_id, target, after))
    firsts = [uid for part in parts if isinstance(part, EntryChunk) for uid in part.uids]

    assert firsts + remaining == list(uids)


async def test_a_slice_of_exactly_2000_has_no_rest(targeting_db: AsyncEngine, app_id: UUID) -> None:
    book = Book()
    book.write(app_id, *(Entry(uid, "phone") for uid in range(1, 2001)))
    resolver = make_resolver(targeting_db, book)
    parts = [part async for part in resolver.resolve_slice(app_id, Everyone(), WHOLE)]

    assert [isinstance(part, Rest) for part in parts] == [False] * 4


async def test_opt_outs_too_many_to_hold_are_looked_up_chunk_by_chunk(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    book = Book()
    await flood_opt_outs(targeting_db, app_id, range(1, 2502))
    book.write(app_id, *(Entry(uid, "phone") for uid in range(1000, 2600)))
    resolver = make_resolver(targeting_db, book)
    found = await uids_of(resolver.resolve_slice(app_id, Everyone(), WHOLE))

    assert found == list(range(2502, 2600))


async def test_chunks_are_passed_on_untouched_where_nobody_opted_out(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    class Sealed(EntryChunk):
        """May be counted and passed on, not read."""

        @property
        def uids(self) -> list[int]:
            raise AssertionError("was read")

    class SealedBook(Book):
        async def within(self, *_: object) -> AsyncIterator[EntryChunk]:  # type: ignore[override]  # generator
            yield Sealed((Entry(1, "phone"),))

    resolver = make_resolver(targeting_db, SealedBook())
    parts = [part async for part in resolver.resolve_slice(app_id, Everyone(), WHOLE)]

    assert parts == [Sealed((Entry(1, "phone"),))]


async def test_a_tag_that_is_deleted_on_the_way_means_nobody_more(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    book = Book()
    book.write(app_id, Entry(1, "phone"), Entry(2, "phone"))
    for name, uids in (("news", range(1, 2)), ("offers", range(2, 3))):
        tag_id = await new_tag(targeting_db, app_id, name)
        await flood(targeting_db, app_id, tag_id, Platform.ANDROID, uids)
    resolver, target = make_resolver(targeting_db, book), OfTags(("news", "offers"))
    assert await uids_of(resolver.resolve_slice(app_id, target, WHOLE)) == [1, 2]
    async with targeting_db.begin() as tx:
        await tags.delete(tx, app_id, "news", NOON)

    assert await uids_of(resolver.resolve_slice(app_id, target, WHOLE)) == [2]
    assert await uids_of(resolver.resolve_uids(app_id, target, [1, 2])) == [2]


async def test_a_slice_of_another_platform_has_nobody(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    book = Book()
    book.write(app_id, Entry(1, "phone", Platform.ANDROID))
    resolver = make_resolver(targeting_db, book)
    piece = Slice(Platform.ANDROID, 0, MAX_UID)

    assert await uids_of(resolver.resolve_slice(app_id, OfPlatforms((Platform.IOS,)), piece)) == []
