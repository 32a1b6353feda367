"""Do an expression's slices hold each device that it means exactly once, however they are cut?"""

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.expressions import (
    AllOf,
    AnyOf,
    Expression,
    HasTag,
    Not,
    OnPlatform,
)
from services.targeting.domain.platforms import Platform
from services.targeting.domain.slices import MAX_UID, Rest, Slice
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.domain.targets import OfExpression
from services.targeting.store import tags
from tests.conftest import NOON
from tests.targeting.book import Book, Entry, EntryChunk
from tests.targeting.crowds import Member, crowds, expressions, flood, is_meant, new_tag, settle
from tests.targeting.engines import make_cutter, make_resolver

SHARED_DATABASE = [HealthCheck.function_scoped_fixture]
TAGS = ["news", "sports", "rare"]
NEWS, SPORTS, IOS = HasTag("news"), HasTag("sports"), OnPlatform(Platform.IOS)
WHOLE = Slice(None, 0, MAX_UID)


class Engines:
    """Cutting and resolving over one store and one book."""

    def __init__(self, db: AsyncEngine, book: Book, size: int = 500) -> None:
        self.cutter = make_cutter(db, book, size=size)
        self.resolver = make_resolver(db, book)

    async def cut(self, app_id: UUID, expression: Expression, token: str = "") -> list[Slice]:
        cuts = self.cutter.cut(app_id, OfExpression(expression), token)
        return [piece async for cut in cuts for piece in cut.slices]

    async def resolve(self, app_id: UUID, expression: Expression, piece: Slice) -> list[int]:
        parts = self.resolver.resolve_slice(app_id, OfExpression(expression), piece)
        return [uid async for part in parts if isinstance(part, EntryChunk) for uid in part.uids]


def meant_uids(expression: Expression, crowd: list[Member]) -> list[int]:
    known = frozenset(name for person in crowd for name in person.tags)
    return sorted(
        person.entry.uid
        for person in crowd
        if person.entry.reachable and is_meant(expression, person, known)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=SHARED_DATABASE)
@given(
    crowd=crowds(TAGS),
    expression=expressions([*TAGS, PUSH_ALL]),
    size=some.sampled_from([1, 2, 500]),
    asked=some.sets(some.integers(1, 70), min_size=1),
)
async def test_each_uid_stands_in_exactly_one_slice(
    targeting_db: AsyncEngine,
    crowd: list[Member],
    expression: Expression,
    size: int,
    asked: set[int],
) -> None:
    app_id, book = uuid4(), Book(slice_size=size)
    await settle(targeting_db, app_id, crowd, book)
    engines = Engines(targeting_db, book, size)
    found: list[int] = []
    for piece in await engines.cut(app_id, expression):
        found += await engines.resolve(app_id, expression, piece)
    expected = meant_uids(expression, crowd)
    target = OfExpression(expression)
    chunks = engines.resolver.resolve_uids(app_id, target, sorted(asked))
    among = [uid async for chunk in chunks for uid in chunk.uids]

    assert sorted(found) == expected
    assert await engines.resolve(app_id, expression, WHOLE) == expected
    assert among == [uid for uid in expected if uid in asked]


@settings(max_examples=15, deadline=None, suppress_health_check=SHARED_DATABASE)
@given(crowd=crowds(TAGS), expression=expressions(TAGS))
async def test_cutting_goes_on_after_any_cut(
    targeting_db: AsyncEngine, crowd: list[Member], expression: Expression
) -> None:
    app_id, book = uuid4(), Book(slice_size=1)
    await settle(targeting_db, app_id, crowd, book)
    engines = Engines(targeting_db, book, 1)
    cuts = [cut async for cut in engines.cutter.cut(app_id, OfExpression(expression), "")]
    for number, cut in enumerate(cuts):
        rest = [piece for later in cuts[number + 1 :] for piece in later.slices]

        assert await engines.cut(app_id, expression, cut.resume_token) == rest


async def test_the_rarest_conjunct_is_cut_and_others_are_probed(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    book = Book()
    book.write(app_id, *(Entry(uid, "phone", Platform.IOS) for uid in range(1, 5001)))
    for name, step in (("news", 1), ("rare", 1000)):
        tag_id = await new_tag(targeting_db, app_id, name)
        await flood(targeting_db, app_id, tag_id, Platform.IOS, range(step, 5001, step))
    engines = Engines(targeting_db, book)
    expression = AllOf((NEWS, HasTag("rare"), IOS))

    assert await engines.cut(app_id, expression) == [Slice(Platform.IOS, 0, 5000, 5)]
    assert await engines.resolve(app_id, expression, Slice(Platform.IOS, 0, 5000)) == [
        1000,
        2000,
        3000,
        4000,
        5000,
    ]


@pytest.mark.parametrize(
    "expression", [NEWS, AllOf((IOS, Not(SPORTS))), AnyOf((NEWS, Not(SPORTS)))]
)
async def test_a_slice_that_outgrew_2000_says_where_the_rest_begins(
    targeting_db: AsyncEngine, app_id: UUID, expression: Expression
) -> None:
    book, uids = Book(), range(1, 2104)
    await new_tag(targeting_db, app_id, "sports")
    tag_id = await new_tag(targeting_db, app_id, "news")
    await flood(targeting_db, app_id, tag_id, Platform.IOS, uids)
    book.write(app_id, *(Entry(uid, "phone", Platform.IOS) for uid in uids))
    engines = Engines(targeting_db, book)
    whole = Slice(Platform.IOS, 0, MAX_UID)
    target = OfExpression(expression)
    parts = [part async for part in engines.resolver.resolve_slice(app_id, target, whole)]
    first = [uid for part in parts if isinstance(part, EntryChunk) for uid in part.uids]
    rest = await engines.resolve(app_id, expression, Slice(Platform.IOS, 2000, MAX_UID))

    assert parts[-1] == Rest(2000)
    assert first + rest == list(uids)


async def test_a_denied_tag_that_is_deleted_on_the_way_means_nobody_more(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    """It was believed to mean everybody then, those who had the tag included."""
    book = Book()
    book.write(app_id, Entry(1, "phone", Platform.IOS))
    await new_tag(targeting_db, app_id, "sports")
    engines = Engines(targeting_db, book)
    (piece,) = await engines.cut(app_id, Not(SPORTS))
    assert await engines.resolve(app_id, Not(SPORTS), piece) == [1]
    async with targeting_db.begin() as tx:
        await tags.delete(tx, app_id, "sports", NOON)

    assert await engines.resolve(app_id, Not(SPORTS), piece) == []


async def test_platforms_that_cannot_be_meant_are_not_cut(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    book = Book()
    book.write(app_id, Entry(1, "phone", Platform.IOS), Entry(2, "phone", Platform.ANDROID))
    engines = Engines(targeting_db, book)

    assert await engines.cut(app_id, IOS) == [Slice(Platform.IOS, 0, 1, 1)]
    assert await engines.resolve(app_id, IOS, Slice(Platform.ANDROID, 0, 9)) == []
