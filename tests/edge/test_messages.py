"""What can be read of a message after it was sent?"""

import pytest

from carillon.dispatch.v1.message_pb2 import Message, MessageStatus
from carillon.type.v1.platform_pb2 import Platform
from services.edge.routes.messages import STATUS_WORDS
from tests.edge.conftest import APP_ID, APPS, PUBLIC, World
from tests.edge.rooms.rules import noon


async def test_reading_gives_back_what_was_submitted(world: World) -> None:
    body = {
        "message": {"alert": "Hello", "url": "https://acme.example"},
        "settings": {"gcm": {"priority": "MAX", "sound": None}},
        "target": {"platforms": ["g"]},
        "validate": False,
    }
    message_id = await world.send(**body)

    answer = await world.call("GET", f"/messages/{message_id}", headers=world.client)

    assert answer.status_code == 200
    assert answer.json() == body | {
        "messageId": message_id,
        "alert": "Hello",
        "status": "ACCEPTED",
        "createdTime": "2026-11-02T12:00:00.000Z",
        "href": f"{PUBLIC}{APPS}/{APP_ID}/messages/{message_id}",
    }


@pytest.mark.parametrize("annotation", ["", "no JSON", "[1]", '{"other": 1}', "[" * 5000])
async def test_a_message_of_an_internal_caller_is_readable_too(
    world: World, annotation: str
) -> None:
    message_id = await world.send()
    message = world.dispatch.messages[APP_ID, message_id]
    message.annotation = annotation
    message.content.url = "https://acme.example"
    message.target.platforms.platforms.append(Platform.PLATFORM_IOS)

    answer = await world.call("GET", f"/messages/{message_id}")

    assert answer.json()["message"] == {"alert": "Hello", "url": "https://acme.example"}
    assert answer.json()["target"] == {"platforms": ["A"]}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("tag_names", "tagNames"), ("user_ids", "userIds"), ("device_ids", "deviceIds")],
)
async def test_its_target_is_told_in_the_apis_words(world: World, kind: str, name: str) -> None:
    message_id = await world.send()
    message: Message = world.dispatch.messages[APP_ID, message_id]
    message.annotation = ""
    getattr(message.target, kind).names.append("one")

    answer = await world.call("GET", f"/messages/{message_id}")

    assert answer.json()["target"] == {name: ["one"]}


async def test_the_list_is_newest_first_and_all_strings(world: World) -> None:
    ids = [await world.send() for _ in range(3)]

    answer = await world.call("GET", "/messages?size=2")

    messages = answer.json()["messages"]
    assert [one["messageId"] for one in messages] == ids[:0:-1]
    assert set(messages[0]) == {"createdTime", "messageId", "alert", "href"}
    assert all(isinstance(value, str) for one in messages for value in one.values())
    assert answer.json()["pageInfo"]["totalCount"] == 3


@pytest.mark.parametrize(("status", "word"), STATUS_WORDS.items())
async def test_its_status_is_an_upper_case_word(
    world: World, status: "MessageStatus.ValueType", word: str
) -> None:
    message_id = await world.send()
    world.dispatch.messages[APP_ID, message_id].status = status

    answer = await world.call("GET", f"/messages/{message_id}/status")

    assert answer.json() == {"messageId": message_id, "status": word}


async def test_it_is_paused_and_resumed_by_its_status(world: World) -> None:
    message_id = await world.send()

    answers = [
        await world.call("PUT", f"/messages/{message_id}/status", json={"paused": paused})
        for paused in (True, True, False)
    ]
    read = await world.call("GET", f"/messages/{message_id}/status")

    assert [(each.status_code, each.json()["status"]) for each in answers] == [
        (200, "PAUSED"),
        (200, "PAUSED"),
        (200, "DISPATCHING"),
    ]
    assert read.json() == answers[-1].json()


@pytest.mark.parametrize("body", [{"paused": True}, {"paused": False}])
async def test_one_that_has_ended_is_neither_paused_nor_resumed(
    world: World, body: dict[str, bool]
) -> None:
    message_id = await world.send()
    world.dispatch.messages[APP_ID, message_id].end_time.CopyFrom(noon())

    answer = await world.call("PUT", f"/messages/{message_id}/status", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "CARILLON1409E")


@pytest.mark.parametrize("body", [{}, {"paused": None}, {"paused": "perhaps"}, [], "PAUSED"])
async def test_a_wrong_change_of_its_status_is_named(world: World, body: object) -> None:
    message_id = await world.send()

    answer = await world.call("PUT", f"/messages/{message_id}/status", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")


async def test_a_deleted_one_is_absent_everywhere(world: World) -> None:
    message_id = await world.send()

    deleted = await world.call("DELETE", f"/messages/{message_id}")
    after = [
        (await world.call(method, f"/messages/{message_id}{rest}")).status_code
        for method, rest in (
            ("GET", ""),
            ("GET", "/status"),
            ("GET", "/report"),
            ("GET", "/deliverystatus"),
            ("DELETE", ""),
        )
    ]
    listed = await world.call("GET", "/messages")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert after == [404] * 5
    assert listed.json()["messages"] == []


@pytest.mark.parametrize("rest", ["", "/status", "/report", "/deliverystatus"])
@pytest.mark.parametrize("message_id", ["AbCd1234", "null", "toolongid", "%00", "a%2Fb"])
async def test_an_unknown_one_is_404(world: World, message_id: str, rest: str) -> None:
    answer = await world.call("GET", f"/messages/{message_id}{rest}")

    if message_id == "%00":
        assert answer.status_code == 400
    else:
        assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
