"""What does TagService keep, and what does it refuse?"""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from carillon.targeting.v1 import subscription_service_pb2, tag_pb2
from carillon.targeting.v1 import tag_service_pb2 as pb
from carillon.targeting.v1.text_matcher_pb2 import TextMatcher
from tests.conftest import NOON
from tests.targeting.book import Entry
from tests.targeting.conftest import Clock, Room
from tests.targeting.refusals import refused, said

LATER = timedelta(hours=1)


async def create(room: Room, app_id: UUID, name: str, description: str = "") -> tag_pb2.Tag:
    tag = tag_pb2.Tag(name=name, description=description)
    return (await room.tags.CreateTag(pb.CreateTagRequest(app_id=str(app_id), tag=tag))).tag


async def list_tags(room: Room, app_id: UUID, **asked: object) -> pb.ListTagsResponse:
    return await room.tags.ListTags(pb.ListTagsRequest(app_id=str(app_id), **asked))  # type: ignore[arg-type]  # fields by name


def update(app_id: UUID, name: str, description: str, *paths: str) -> pb.UpdateTagRequest:
    tag = tag_pb2.Tag(name=name, description=description)
    return pb.UpdateTagRequest(app_id=str(app_id), tag=tag, update_mask=FieldMask(paths=paths))


async def test_a_tag_is_read_as_it_was_created(room: Room, app_id: UUID) -> None:
    created = await create(room, app_id, "mortgage-rates", "When rates move")
    read = await room.tags.GetTag(pb.GetTagRequest(app_id=str(app_id).upper(), name=created.name))
    assert read.tag == created
    assert not created.HasField("subscription_count")

    assert (created.description, created.create_time.ToDatetime(NOON.tzinfo)) == (
        "When rates move",
        NOON,
    )


async def test_a_name_is_taken_once_in_an_application(room: Room, app_id: UUID) -> None:
    await create(room, app_id, "news")
    await create(room, uuid4(), "news")
    fault = await refused(create(room, app_id, "news"))
    assert fault.facts == {"tag_name": "news"}

    assert said(fault) == ("ALREADY_EXISTS", "TAG_EXISTS", "")


async def test_the_broadcast_tag_is_reserved_and_hidden(room: Room, app_id: UUID) -> None:
    fault = await refused(create(room, app_id, "Push.ALL"))

    assert said(fault) == ("ALREADY_EXISTS", "TAG_EXISTS", "")
    assert (await list_tags(room, app_id)).total_size == 0


async def test_a_description_is_updated_and_the_time_with_it(
    room: Room, app_id: UUID, clock: Clock
) -> None:
    created = await create(room, app_id, "news", "old")
    clock.pass_by(LATER)
    updated = (await room.tags.UpdateTag(update(app_id, "news", "new", "description"))).tag

    assert updated.description == "new"
    assert updated.create_time == created.create_time
    assert updated.update_time.ToDatetime(NOON.tzinfo) == NOON + LATER


@pytest.mark.parametrize("paths", [(), ("name",), ("description", "name"), ("tag.description",)])
async def test_nothing_but_the_description_is_updated(
    room: Room, app_id: UUID, paths: tuple[str, ...]
) -> None:
    await create(room, app_id, "news", "old")
    fault = await refused(room.tags.UpdateTag(update(app_id, "news", "new", *paths)))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", "update_mask")


async def test_a_tag_that_is_none_is_not_found(room: Room, app_id: UUID) -> None:
    asked = (
        room.tags.GetTag(pb.GetTagRequest(app_id=str(app_id), name="none")),
        room.tags.UpdateTag(update(app_id, "none", "", "description")),
        room.tags.DeleteTag(pb.DeleteTagRequest(app_id=str(app_id), name="none")),
    )
    for call in asked:
        fault = await refused(call)

        assert said(fault) == ("NOT_FOUND", "TAG_NOT_FOUND", "")
        assert fault.facts == {"tag_name": "none"}


async def test_a_deleted_tag_is_gone_with_its_subscriptions(room: Room, app_id: UUID) -> None:
    room.book.write(app_id, Entry(1, "phone"))
    await create(room, app_id, "news")
    await room.subscriptions.Subscribe(
        subscription_service_pb2.SubscribeRequest(
            app_id=str(app_id), device_id="phone", tag_names=["news"]
        )
    )
    delete = pb.DeleteTagRequest(app_id=str(app_id), name="news")
    await room.tags.DeleteTag(delete)
    fault = await refused(room.tags.DeleteTag(delete))
    await create(room, app_id, "news")
    (again,) = (await list_tags(room, app_id, count_subscriptions=True)).tags

    assert said(fault) == ("NOT_FOUND", "TAG_NOT_FOUND", "")
    assert again.subscription_count == 0


@pytest.mark.parametrize("size", [1, 2, 5, 6])
async def test_pages_follow_each_other_in_the_order_of_names_and_back(
    room: Room, app_id: UUID, size: int
) -> None:
    names = ["Zürich", "a", "b", "zebra", "é"]
    for name in reversed(names):
        await create(room, app_id, name)
    pages = [await list_tags(room, app_id, page_size=size)]
    while token := pages[-1].next_page_token:
        pages.append(await list_tags(room, app_id, page_size=size, page_token=token))
    back = [pages[-1]]
    while token := back[-1].previous_page_token:
        back.append(await list_tags(room, app_id, page_size=size, page_token=token))

    assert [tag.name for page in pages for tag in page.tags] == names
    assert [list(page.tags) for page in back[::-1]] == [list(page.tags) for page in pages]
    assert {page.total_size for page in pages} == {len(names)}


async def test_some_can_be_passed_over(room: Room, app_id: UUID) -> None:
    for name in "abcd":
        await create(room, app_id, name)
    page = await list_tags(room, app_id, page_size=2, skip=1)

    assert [tag.name for tag in page.tags] == ["b", "c"]


async def test_subscriptions_are_counted_when_asked_for(room: Room, app_id: UUID) -> None:
    room.book.write(app_id, Entry(1, "phone"), Entry(2, "tablet"))
    await create(room, app_id, "news")
    await create(room, app_id, "offers")
    for device_id in ("phone", "tablet"):
        await room.subscriptions.Subscribe(
            subscription_service_pb2.SubscribeRequest(
                app_id=str(app_id), device_id=device_id, tag_names=["news"]
            )
        )
    page = await list_tags(room, app_id, count_subscriptions=True)

    assert {tag.name: tag.subscription_count for tag in page.tags} == {"news": 2, "offers": 0}


@pytest.mark.parametrize(
    ("matchers", "names"),
    [
        ([TextMatcher(field="name", values=["news", "offers"])], ["news", "offers"]),
        ([TextMatcher(field="name", values=["ew", "nothing"], contains=True)], ["news"]),
        ([TextMatcher(field="description", values=["%"], contains=True)], ["offers"]),
        (
            [
                TextMatcher(field="name", values=["e"], contains=True),
                TextMatcher(field="description", values=["What is new"]),
            ],
            ["news"],
        ),
    ],
)
async def test_every_matcher_must_hold(
    room: Room, app_id: UUID, matchers: list[TextMatcher], names: list[str]
) -> None:
    await create(room, app_id, "news", "What is new")
    await create(room, app_id, "offers", "10 % off")
    await create(room, app_id, "other", "")
    page = await list_tags(room, app_id, matchers=matchers)

    assert [tag.name for tag in page.tags] == names
    assert not page.HasField("total_size")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"page_size": -1}, "page_size"),
        ({"skip": 10_001}, "skip"),
        ({"skip": -1}, "skip"),
        ({"matchers": [TextMatcher(field="color", values=["a"])]}, "matchers[0].field"),
        ({"matchers": [TextMatcher(field="name")]}, "matchers[0].values"),
        (
            {"matchers": [TextMatcher(field="name", values=["a"] * 101)]},
            "matchers[0].values",
        ),
        ({"matchers": [TextMatcher(field="name", values=["\0"])]}, "matchers[0].values[0]"),
        ({"matchers": [TextMatcher(field="name", values=["a"])] * 101}, "matchers"),
    ],
)
async def test_a_malformed_question_is_refused(
    room: Room, app_id: UUID, asked: dict[str, object], field: str
) -> None:
    fault = await refused(list_tags(room, app_id, **asked))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", field)


async def test_a_page_token_of_another_query_is_refused(room: Room, app_id: UUID) -> None:
    for name in "ab":
        await create(room, app_id, name)
    token = (await list_tags(room, app_id, page_size=1)).next_page_token
    other = [TextMatcher(field="name", values=["b"])]
    for asked in ({"page_token": token, "matchers": other}, {"page_token": "rubbish"}):
        fault = await refused(list_tags(room, app_id, **asked))

        assert said(fault) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")


@pytest.mark.parametrize(
    ("name", "description", "field"),
    [
        ("", "", "tag.name"),
        ("n" * 255, "", "tag.name"),
        ("n\0", "", "tag.name"),
        ("news", "d" * 1025, "tag.description"),
        ("news", "\0", "tag.description"),
    ],
)
async def test_a_malformed_tag_is_refused(
    room: Room, app_id: UUID, name: str, description: str, field: str
) -> None:
    fault = await refused(create(room, app_id, name, description))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", field)


async def test_the_longest_tag_is_kept(room: Room, app_id: UUID) -> None:
    tag = await create(room, app_id, "🔔" * 254, "🔔" * 1024)

    assert (len(tag.name), len(tag.description)) == (254, 1024)
