"""Which devices want which tags, and who may ask?"""

from uuid import UUID

import pytest

from carillon.targeting.v1 import subscription_service_pb2 as pb
from carillon.targeting.v1 import tag_service_pb2
from carillon.targeting.v1.subscription_pb2 import Subscription
from services.targeting.domain.platforms import Platform
from tests.targeting.book import Entry
from tests.targeting.conftest import Room
from tests.targeting.refusals import refused, said
from tests.targeting.test_tags import create

PHONE = Entry(11, "phone", Platform.IOS, "ada")
TABLET = Entry(12, "tablet", Platform.ANDROID, "ada", active=False)
LAPTOP = Entry(13, "laptop", Platform.WEB_CHROME, "bob")


@pytest.fixture
async def peopled(room: Room, app_id: UUID) -> Room:
    """Three devices, two tags, nobody subscribed."""
    room.book.write(app_id, PHONE, TABLET, LAPTOP)
    await create(room, app_id, "news")
    await create(room, app_id, "offers")
    return room


async def subscribe(room: Room, app_id: UUID, device_id: str, *names: str) -> pb.SubscribeResponse:
    return await room.subscriptions.Subscribe(
        pb.SubscribeRequest(app_id=str(app_id), device_id=device_id, tag_names=names)
    )


async def unsubscribe(
    room: Room, app_id: UUID, device_id: str, *names: str
) -> pb.UnsubscribeResponse:
    return await room.subscriptions.Unsubscribe(
        pb.UnsubscribeRequest(app_id=str(app_id), device_id=device_id, tag_names=names)
    )


async def browse(room: Room, app_id: UUID, **asked: object) -> pb.ListSubscriptionsResponse:
    request = pb.ListSubscriptionsRequest(app_id=str(app_id), **asked)  # type: ignore[arg-type]  # fields by name
    return await room.subscriptions.ListSubscriptions(request)


def pairs(page: pb.ListSubscriptionsResponse) -> list[tuple[int, str]]:
    return [(s.uid, s.tag_name) for s in page.subscriptions]


async def test_each_tag_is_judged_on_its_own_in_the_order_asked(
    peopled: Room, app_id: UUID
) -> None:
    await subscribe(peopled, app_id, "phone", "offers")
    answer = await subscribe(
        peopled, app_id, "phone", "x", "news", "offers", "Push.ALL", "news", "a", "x"
    )

    assert [s.tag_name for s in answer.subscribed] == ["news"]
    assert [s.tag_name for s in answer.existing] == ["offers", "Push.ALL"]
    assert answer.unknown_tag_names == ["x", "a"]


async def test_a_subscription_says_whose_it_is_and_keeps_its_id(
    peopled: Room, app_id: UUID
) -> None:
    (first,) = (await subscribe(peopled, app_id, "phone", "news")).subscribed
    await unsubscribe(peopled, app_id, "phone", "news")
    (second,) = (await subscribe(peopled, app_id, "phone", "news")).subscribed
    (other,) = (await subscribe(peopled, app_id, "tablet", "news")).subscribed

    assert (first.device_id, first.uid, first.user_id) == ("phone", 11, "ada")
    assert first == second
    assert len(bytes.fromhex(first.subscription_id)) == 16
    assert other.subscription_id != first.subscription_id


async def test_unsubscribing_says_what_was_there(peopled: Room, app_id: UUID) -> None:
    await subscribe(peopled, app_id, "phone", "news")
    answer = await unsubscribe(peopled, app_id, "phone", "x", "offers", "news", "Push.ALL")
    again = await unsubscribe(peopled, app_id, "phone", "news", "Push.ALL")

    assert answer.unsubscribed_tag_names == ["news", "Push.ALL"]
    assert answer.missing_tag_names == ["offers"]
    assert answer.unknown_tag_names == ["x"]
    assert again.missing_tag_names == ["news", "Push.ALL"]


async def test_the_broadcast_tag_can_be_left_and_taken_back(peopled: Room, app_id: UUID) -> None:
    await unsubscribe(peopled, app_id, "phone", "Push.ALL")
    away = await browse(peopled, app_id, device_id="phone")
    answer = await subscribe(peopled, app_id, "phone", "Push.ALL")

    assert pairs(away) == []
    assert [s.tag_name for s in answer.subscribed] == ["Push.ALL"]
    assert pairs(await browse(peopled, app_id, device_id="phone")) == [(11, "Push.ALL")]


@pytest.mark.parametrize("call", [subscribe, unsubscribe])
async def test_a_device_that_cannot_be_reached_is_not_found(
    peopled: Room, app_id: UUID, call: object
) -> None:
    assert callable(call)
    peopled.book.write(app_id, Entry(14, "dead", known=False), Entry(15, "gone", deleted=True))
    peopled.book.delete(app_id, 15)
    for device_id in ("dead", "gone", "never"):
        fault = await refused(call(peopled, app_id, device_id, "news"))

        assert said(fault) == ("NOT_FOUND", "DEVICE_NOT_FOUND", "")
        assert fault.facts == {"device_id": device_id}


async def test_a_device_registered_anew_is_found_beside_its_tombstone(
    peopled: Room, app_id: UUID
) -> None:
    peopled.book.delete(app_id, PHONE.uid)
    peopled.book.write(app_id, Entry(20, "phone"))
    (made,) = (await subscribe(peopled, app_id, "phone", "news")).subscribed

    assert made.uid == 20


@pytest.mark.parametrize("call", [subscribe, unsubscribe])
@pytest.mark.parametrize(
    ("device_id", "names", "field"),
    [
        ("", ["news"], "device_id"),
        ("d" * 255, ["news"], "device_id"),
        ("a\0", ["news"], "device_id"),
        ("phone", [], "tag_names"),
        ("phone", ["n"] * 1001, "tag_names"),
        ("phone", ["news", ""], "tag_names[1]"),
        ("phone", ["n" * 255], "tag_names[0]"),
        ("phone", ["\0"], "tag_names[0]"),
    ],
)
async def test_a_malformed_request_is_refused(
    room: Room, app_id: UUID, call: object, device_id: str, names: list[str], field: str
) -> None:
    assert callable(call)
    fault = await refused(call(room, app_id, device_id, *names))

    assert said(fault) == ("INVALID_ARGUMENT", "FIELD_INVALID", field)


async def test_a_thousand_tags_at_once_are_taken(peopled: Room, app_id: UUID) -> None:
    names = [f"tag {number:04}" for number in range(999)]
    answer = await subscribe(peopled, app_id, "phone", *names, "news")

    assert list(answer.unknown_tag_names) == names
    assert [s.tag_name for s in answer.subscribed] == ["news"]


async def find(room: Room, app_id: UUID, subscription_id: str) -> Subscription:
    request = pb.GetSubscriptionRequest(app_id=str(app_id), subscription_id=subscription_id)
    return (await room.subscriptions.GetSubscription(request)).subscription


async def end(room: Room, app_id: UUID, subscription_id: str) -> None:
    request = pb.DeleteSubscriptionRequest(app_id=str(app_id), subscription_id=subscription_id)
    await room.subscriptions.DeleteSubscription(request)


async def test_a_subscription_is_found_and_ended_by_its_id(peopled: Room, app_id: UUID) -> None:
    await subscribe(peopled, app_id, "phone", "news")
    listed = (await browse(peopled, app_id, device_id="phone")).subscriptions
    for subscription in listed:
        assert await find(peopled, app_id, subscription.subscription_id) == subscription

        await end(peopled, app_id, subscription.subscription_id)
        for call in (find, end):
            fault = await refused(call(peopled, app_id, subscription.subscription_id))

            assert said(fault) == ("NOT_FOUND", "SUBSCRIPTION_NOT_FOUND", "")
            assert fault.facts == {"subscription_id": subscription.subscription_id}
    assert [s.tag_name for s in listed] == ["Push.ALL", "news"]
    assert pairs(await browse(peopled, app_id, device_id="phone")) == []


@pytest.mark.parametrize(
    "subscription_id", ["x", "0" * 31, "0" * 32, "f" * 32, f"{11:016x}{99:016x}", "7" * 32]
)
async def test_an_id_of_nothing_is_not_found(
    peopled: Room, app_id: UUID, subscription_id: str
) -> None:
    fault = await refused(find(peopled, app_id, subscription_id))

    assert said(fault) == ("NOT_FOUND", "SUBSCRIPTION_NOT_FOUND", "")


async def test_the_id_of_a_deleted_tag_is_not_found(peopled: Room, app_id: UUID) -> None:
    (made,) = (await subscribe(peopled, app_id, "phone", "news")).subscribed
    delete = tag_service_pb2.DeleteTagRequest(app_id=str(app_id), name="news")
    await peopled.tags.DeleteTag(delete)
    await create(peopled, app_id, "news")
    fault = await refused(find(peopled, app_id, made.subscription_id))

    assert said(fault) == ("NOT_FOUND", "SUBSCRIPTION_NOT_FOUND", "")
