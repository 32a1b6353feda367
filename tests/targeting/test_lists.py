"""Which subscriptions does a list show, and in which order?"""

from uuid import UUID

import pytest

from carillon.targeting.v1 import subscription_service_pb2 as pb
from carillon.targeting.v1.text_matcher_pb2 import TextMatcher
from carillon.type.v1.platform_pb2 import PLATFORM_IOS, PLATFORM_WEB_CHROME
from services.targeting import browsing
from services.targeting.domain.platforms import Platform
from tests.targeting.book import Entry
from tests.targeting.conftest import Room
from tests.targeting.refusals import refused, said
from tests.targeting.test_subscriptions import LAPTOP, PHONE, TABLET, browse, pairs, unsubscribe
from tests.targeting.test_subscriptions import subscribe as subscribe_device
from tests.targeting.test_tags import create


def holding(*values: str, field: str = "tag_name") -> TextMatcher:
    return TextMatcher(field=field, values=values, contains=True)


def one_of(*values: str, field: str = "tag_name") -> TextMatcher:
    return TextMatcher(field=field, values=values)


PHONE_ROWS = [(11, "Push.ALL"), (11, "news"), (11, "offers")]


@pytest.fixture
async def subscribed(room: Room, app_id: UUID) -> Room:
    """The phone has both tags, the laptop one; the tablet has opted out of broadcasts."""
    room.book.write(app_id, PHONE, TABLET, LAPTOP)
    await create(room, app_id, "news")
    await create(room, app_id, "offers")
    await subscribe_device(room, app_id, "phone", "offers", "news")
    await subscribe_device(room, app_id, "laptop", "news")
    await unsubscribe(room, app_id, "tablet", "Push.ALL")
    return room


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [(11, "news"), (11, "offers"), (13, "news")]),
        ({"device_id": "phone"}, PHONE_ROWS),
        ({"device_id": "tablet"}, []),
        ({"user_id": "ada"}, PHONE_ROWS),
        ({"user_id": "nobody"}, []),
        ({"device_id": "phone", "user_id": "ada"}, PHONE_ROWS),
        ({"device_id": "phone", "user_id": "bob"}, []),
        ({"tag_name": "news"}, [(11, "news"), (13, "news")]),
        ({"tag_name": "none"}, []),
        ({"tag_name": "news", "matchers": [holding("off")]}, []),
        ({"matchers": [holding("e")]}, [(11, "news"), (11, "offers"), (13, "news")]),
        ({"matchers": [holding("off")]}, [(11, "offers")]),
        ({"matchers": [holding("%")]}, []),
        ({"device_id": "phone", "tag_name": "news"}, [(11, "news")]),
        ({"device_id": "phone", "tag_name": "Push.ALL"}, [(11, "Push.ALL")]),
        ({"device_id": "phone", "matchers": [holding("ALL")]}, [(11, "Push.ALL")]),
        ({"tag_name": "Push.ALL"}, [(11, "Push.ALL"), (13, "Push.ALL")]),
        ({"tag_name": "Push.ALL", "matchers": [holding("news")]}, []),
        ({"matchers": [one_of("offers", "none")]}, [(11, "offers")]),
        ({"matchers": [one_of("news", "offers"), one_of("news")]}, [(11, "news"), (13, "news")]),
        ({"matchers": [one_of("news"), one_of("offers")]}, []),
        (
            {"matchers": [holding("off", "ew"), holding("s")]},
            [(11, "news"), (11, "offers"), (13, "news")],
        ),
        ({"matchers": [one_of("phone", "never", field="device_id")]}, PHONE_ROWS),
        ({"matchers": [one_of("never", field="device_id")]}, []),
        ({"matchers": [holding("lap", field="device_id")]}, [(13, "news")]),
        ({"tag_name": "news", "matchers": [holding("pho", field="device_id")]}, [(11, "news")]),
        ({"user_id": "ada", "matchers": [holding("tab", field="device_id")]}, []),
        ({"platforms": [PLATFORM_WEB_CHROME]}, [(13, "news")]),
        ({"tag_name": "news", "platforms": [PLATFORM_IOS]}, [(11, "news")]),
        ({"user_id": "ada", "platforms": [PLATFORM_WEB_CHROME]}, []),
    ],
)
async def test_conditions_hold_together(
    subscribed: Room, app_id: UUID, asked: dict[str, object], expected: list[tuple[int, str]]
) -> None:
    page = await browse(subscribed, app_id, **asked)

    assert pairs(page) == expected
    assert page.next_page_token == ""


@pytest.mark.parametrize("asked", [{}, {"tag_name": "news"}])
async def test_the_total_is_told_where_it_is_kept(
    subscribed: Room, app_id: UUID, asked: dict[str, object]
) -> None:
    page = await browse(subscribed, app_id, page_size=1, **asked)
    whole = await browse(subscribed, app_id, **asked)

    assert page.total_size == whole.total_size == len(whole.subscriptions)


@pytest.mark.parametrize(
    "asked", [{"user_id": "ada"}, {"matchers": [holding("e")]}, {"tag_name": "Push.ALL"}]
)
async def test_no_total_is_told_where_we_would_have_to_count(
    subscribed: Room, app_id: UUID, asked: dict[str, object]
) -> None:
    assert not (await browse(subscribed, app_id, **asked)).HasField("total_size")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"user_id": "ada"},
        {"tag_name": "news"},
        {"matchers": [holding("tag")]},
        {"matchers": [holding("d", field="device_id")]},
        {"tag_name": "Push.ALL"},
    ],
)
@pytest.mark.parametrize("size", [1, 3, 7])
async def test_pages_follow_each_other_without_gap_or_repetition_and_back(
    room: Room, app_id: UUID, asked: dict[str, object], size: int
) -> None:
    names = ["news", *(f"tag {number}" for number in range(4))]
    for name in names:
        await create(room, app_id, name)
    for uid in range(1, 8):
        room.book.write(app_id, Entry(uid, f"d{uid}", list(Platform)[uid % 6], "ada"))
        await subscribe_device(room, app_id, f"d{uid}", *names[: uid % 5 + 1])
    whole = pairs(await browse(room, app_id, **asked))
    pages = [await browse(room, app_id, page_size=size, **asked)]
    while token := pages[-1].next_page_token:
        pages.append(await browse(room, app_id, page_size=size, page_token=token, **asked))
    back = [pages[-1]]
    while token := back[-1].previous_page_token:
        back.append(await browse(room, app_id, page_size=size, page_token=token, **asked))

    assert whole == sorted(whole)
    assert [pair for page in pages for pair in pairs(page)] == whole
    assert [pairs(page) for page in back[::-1]] == [pairs(page) for page in pages]
    assert len(whole) >= 5


async def test_what_is_rare_is_found_by_short_pages(
    room: Room, app_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list reads so much and no more: it may come back with less, and leads on."""
    monkeypatch.setattr(browsing, "MAX_READ", 5)
    await create(room, app_id, "news")
    for uid in range(1, 20):
        room.book.write(app_id, Entry(uid, f"d{uid}"))
        await subscribe_device(room, app_id, f"d{uid}", "news")
    rare = [holding("17", field="device_id")]
    pages = [await browse(room, app_id, page_size=2, matchers=rare)]
    while token := pages[-1].next_page_token:
        pages.append(await browse(room, app_id, page_size=2, page_token=token, matchers=rare))

    assert [pair for page in pages for pair in pairs(page)] == [(17, "news")]
    assert pairs(pages[0]) == []
    assert len(pages) == 4


@pytest.mark.parametrize("asked", [{}, {"user_id": "ada"}, {"tag_name": "Push.ALL"}])
async def test_some_can_be_passed_over(
    subscribed: Room, app_id: UUID, asked: dict[str, object]
) -> None:
    whole = pairs(await browse(subscribed, app_id, **asked))

    assert pairs(await browse(subscribed, app_id, skip=1, **asked)) == whole[1:]


async def test_subscriptions_to_more_than_a_few_tags_are_walked(room: Room, app_id: UUID) -> None:
    room.book.write(app_id, PHONE, LAPTOP)
    names = [f"tag {number:02}" for number in range(25)]
    for name in ["news", *names]:
        await create(room, app_id, name)
    await subscribe_device(room, app_id, "phone", "news", *names)
    await subscribe_device(room, app_id, "laptop", *names)
    page = await browse(room, app_id, matchers=[holding("tag")], page_size=30)
    rest = await browse(
        room, app_id, matchers=[holding("tag")], page_size=30, page_token=page.next_page_token
    )

    assert pairs(page) + pairs(rest) == [(uid, name) for uid in (11, 13) for name in names]


async def test_what_a_deleted_device_left_is_left_out(subscribed: Room, app_id: UUID) -> None:
    subscribed.book.delete(app_id, PHONE.uid)

    assert pairs(await browse(subscribed, app_id)) == [(13, "news")]


async def test_the_list_says_whose_they_are(subscribed: Room, app_id: UUID) -> None:
    whole = await browse(subscribed, app_id)
    (made,) = (await subscribe_device(subscribed, app_id, "laptop", "news")).existing

    assert [(s.device_id, s.user_id) for s in whole.subscriptions] == [
        ("phone", "ada"),
        ("phone", "ada"),
        ("laptop", "bob"),
    ]
    assert whole.subscriptions[-1] == made


async def test_a_device_that_is_none_is_not_found(subscribed: Room, app_id: UUID) -> None:
    fault = await refused(browse(subscribed, app_id, device_id="never"))

    assert said(fault) == ("NOT_FOUND", "DEVICE_NOT_FOUND", "")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"device_id": ""}, "device_id"),
        ({"device_id": "d" * 255}, "device_id"),
        ({"user_id": "\0"}, "user_id"),
        ({"tag_name": "n" * 255}, "tag_name"),
        ({"matchers": [holding("")]}, "matchers[0].values[0]"),
        ({"matchers": [holding("a", field="name")]}, "matchers[0].field"),
        ({"platforms": [99]}, "platforms"),
        ({"page_size": -1}, "page_size"),
        ({"skip": 10_001}, "skip"),
    ],
)
async def test_a_malformed_question_is_refused(
    room: Room, app_id: UUID, asked: dict[str, object], field: str
) -> None:
    fault = await refused(browse(room, app_id, **asked))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", field)


async def test_a_page_token_of_another_query_is_refused(subscribed: Room, app_id: UUID) -> None:
    token = (await browse(subscribed, app_id, page_size=1)).next_page_token
    for asked in ({"user_id": "ada", "page_token": token}, {"page_token": "rubbish"}):
        fault = await refused(browse(subscribed, app_id, **asked))

        assert said(fault) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")


@pytest.mark.parametrize("app", ["", "no guid", "2dfba319-98de-4c69-b2e0-5099dabb06f1x"])
async def test_an_application_without_a_guid_is_refused(room: Room, app: str) -> None:
    request = pb.ListSubscriptionsRequest(app_id=app)
    fault = await refused(room.subscriptions.ListSubscriptions(request))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", "app_id")
