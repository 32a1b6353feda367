"""Are the slices of a target disjoint and complete, and does a token give exactly the rest?"""

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.faults import FieldInvalid
from services.targeting.cutting import Cutter
from services.targeting.domain.platforms import Platform
from services.targeting.domain.slices import Cut, Slice
from services.targeting.domain.targets import Everyone, OfPlatforms, OfTags, OfUsers, Target
from tests.targeting.book import Book, Entry
from tests.targeting.crowds import Member, crowds, member, settle
from tests.targeting.engines import make_cutter

TAGS = ("mortgage-rates", "news", "offers")
ASKED = OfTags((*TAGS, "no such tag"))


async def cut(cutter: Cutter, app_id: UUID, target: Target, token: str = "") -> list[Cut]:
    return [found async for found in cutter.cut(app_id, target, token)]


def slices_of(cuts: list[Cut]) -> list[Slice]:
    return [piece for found in cuts for piece in found.slices]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(crowd=crowds(TAGS), size=some.integers(1, 7), max_rows=some.integers(1, 20))
async def test_each_subscriber_stands_in_one_slice_of_its_platform(
    targeting_db: AsyncEngine, crowd: list[Member], size: int, max_rows: int
) -> None:
    app_id = uuid4()
    await settle(targeting_db, app_id, crowd)
    cutter = make_cutter(targeting_db, Book(), size=size, max_rows=max_rows)
    cuts = await cut(cutter, app_id, ASKED)

    for person in crowd:
        around = [
            piece
            for piece in slices_of(cuts)
            if piece.platform == person.entry.platform
            and piece.after_uid < person.entry.uid <= piece.through_uid
        ]
        if person.tags:
            assert len(around) == 1
    for piece in slices_of(cuts):
        here = {
            m.entry.uid
            for m in crowd
            if m.tags
            and m.entry.platform == piece.platform
            and piece.after_uid < m.entry.uid <= piece.through_uid
        }
        assert len(here) == piece.expected_count <= size
    places = [
        (list(Platform).index(piece.platform), piece.through_uid)
        for piece in slices_of(cuts)
        if piece.platform
    ]

    assert places == sorted(places)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(crowd=crowds(TAGS), size=some.integers(1, 3), max_rows=some.integers(1, 20))
async def test_any_token_gives_exactly_the_rest(
    targeting_db: AsyncEngine, crowd: list[Member], size: int, max_rows: int
) -> None:
    app_id = uuid4()
    await settle(targeting_db, app_id, crowd)
    cuts = await cut(make_cutter(targeting_db, Book(), size=size), app_id, ASKED)
    other = make_cutter(targeting_db, Book(), size=size, max_rows=max_rows)

    for done, found in enumerate(cuts, start=1):
        rest = await cut(other, app_id, ASKED, found.resume_token)

        assert slices_of(rest) == slices_of(cuts[done:])


async def test_many_slices_come_in_answers_of_200(targeting_db: AsyncEngine, app_id: UUID) -> None:
    crowd = [member(uid, Platform.IOS, "news") for uid in range(1, 452)]
    await settle(targeting_db, app_id, crowd)
    cuts = await cut(make_cutter(targeting_db, Book(), size=1), app_id, OfTags(TAGS))

    assert [len(found.slices) for found in cuts] == [200, 200, 51]


async def test_distant_uids_are_found(targeting_db: AsyncEngine, app_id: UUID) -> None:
    far = 2**62
    crowd = [member(uid, Platform.IOS, "news") for uid in (1, 2, 3, 10**9, far)]
    await settle(targeting_db, app_id, crowd)
    cuts = await cut(make_cutter(targeting_db, Book(), size=2), app_id, OfTags(TAGS))

    assert slices_of(cuts) == [
        Slice(Platform.IOS, 0, 2, 2),
        Slice(Platform.IOS, 2, 10**9, 2),
        Slice(Platform.IOS, 10**9, far, 1),
    ]


async def test_tags_that_are_none_have_nobody(targeting_db: AsyncEngine, app_id: UUID) -> None:
    assert await cut(make_cutter(targeting_db, Book()), app_id, ASKED) == []


@pytest.mark.parametrize(
    "target", [Everyone(), OfPlatforms((Platform.IOS,)), OfUsers(("ada",)), OfTags(("Push.ALL",))]
)
async def test_what_registry_cuts_can_be_resumed_anywhere(
    targeting_db: AsyncEngine, app_id: UUID, target: Target
) -> None:
    book = Book(slice_size=2)
    for uid in range(1, 40):
        book.write(app_id, Entry(uid, f"device {uid}", list(Platform)[uid % 6], "ada"))
    cutter = make_cutter(targeting_db, book)
    cuts = await cut(cutter, app_id, target)
    rests = [await cut(cutter, app_id, target, found.resume_token) for found in cuts]

    assert rests == [cuts[done:] for done in range(1, len(cuts) + 1)]


@pytest.mark.parametrize("token", ["rubbish", "é", "bm90IG91cnM="])
async def test_a_token_that_is_none_is_refused(
    targeting_db: AsyncEngine, app_id: UUID, token: str
) -> None:
    with pytest.raises(FieldInvalid, match="resume_token"):
        await cut(make_cutter(targeting_db, Book()), app_id, Everyone(), token)


async def test_a_token_of_another_target_is_refused(
    targeting_db: AsyncEngine, app_id: UUID
) -> None:
    book = Book()
    book.write(app_id, Entry(1, "phone"))
    cutter = make_cutter(targeting_db, book)
    (found,) = await cut(cutter, app_id, Everyone())

    with pytest.raises(FieldInvalid, match="resume_token"):
        await cut(cutter, app_id, OfUsers(("ada",)), found.resume_token)
