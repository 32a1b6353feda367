"""What does a back end get when it sends, and what is dispatch asked?"""

from typing import Any

import pytest

from carillon.dispatch.v1.message_pb2 import Message
from carillon.type.v1.platform_pb2 import Platform
from tests.edge.conftest import APP_ID, PUBLIC, World

HELLO = {"message": {"alert": "Hello"}}


def sent(world: World) -> Message:
    """The one message that dispatch took."""
    (message,) = world.dispatch.messages.values()
    return message


async def refuse(world: World, body: Any, field: str, *words: str) -> None:
    answer = await world.post("/messages", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E"), answer.text
    assert f"'{field}'" in answer.json()["message"]
    assert all(word in answer.json()["message"] for word in words)
    assert not world.dispatch.messages


async def test_the_answer_is_202_and_echoes_what_was_sent(world: World) -> None:
    body = {
        "message": {"alert": "Hello", "url": "https://acme.example", "extra": 1},
        "settings": {"gcm": {"lights": {"ledOffMs": "500"}}, "chromeWeb": {"payload": "{}"}},
        "target": {"platforms": ["G"]},
        "validate": "false",
    }

    answer = await world.post("/messages", body)

    assert answer.status_code == 202
    assert answer.json() == {
        "messageId": "Msg00000",
        "message": {"alert": "Hello", "url": "https://acme.example"} | body,
    }


async def test_what_was_absent_stays_absent_in_the_echo(world: World) -> None:
    answer = await world.post("/messages", HELLO)

    assert answer.json()["message"] == {"alert": "Hello"} | HELLO


async def test_numbers_keep_their_spelling_in_the_echo(world: World) -> None:
    body = b'{"message":{"alert":"Hi"},"settings":{"apns":{"payload":{"rate":1.10}}}}'

    answer = await world.call("POST", "/messages", content=body)

    assert b'{"rate":1.10}' in answer.content


@pytest.mark.parametrize(
    ("target", "kind", "names"),
    [
        (None, "everyone", None),
        ({}, "everyone", None),
        ({"tagNames": [], "userIds": None}, "everyone", None),
        ({"tagNames": ["news", "Push.ALL"]}, "everyone", None),
        ({"tagNames": ["news", "news", "rates"]}, "tag_names", ["news", "rates"]),
        ({"userIds": ["ada"], "tagNames": []}, "user_ids", ["ada"]),
        ({"deviceIds": ["phone"], "unknown": 1}, "device_ids", ["phone"]),
        ({"deviceIds": [str(i) for i in range(1000)]}, "device_ids", None),
    ],
)
async def test_a_target_of_one_kind_is_understood(
    world: World, target: Any, kind: str, names: list[str] | None
) -> None:
    await world.send(target=target)

    asked = sent(world).target
    assert asked.WhichOneof("kind") == kind
    assert names is None or list(getattr(asked, kind).names) == names


async def test_an_expression_is_sent_as_a_tree_and_read_back_as_text(world: World) -> None:
    text = 'news AND NOT (G or "two words")'
    message_id = await world.send(target={"expression": text, "tagNames": []})
    both = sent(world).target.expression.all_of.expressions

    assert both[0].tag_name == "news"
    assert both[1].denied.any_of.expressions[0].platform == Platform.PLATFORM_ANDROID
    assert both[1].denied.any_of.expressions[1].tag_name == "two words"
    read = await world.call("GET", f"/messages/{message_id}")
    assert read.json()["target"] == {"expression": text, "tagNames": []}
    sent(world).annotation = ""
    read = await world.call("GET", f"/messages/{message_id}")
    assert read.json()["target"] == {"expression": 'news AND NOT (G OR "two words")'}


async def test_platforms_are_known_in_any_case(world: World) -> None:
    await world.send(target={"platforms": ["a", "Web_Chrome", "A"]})

    assert list(sent(world).target.platforms.platforms) == [
        Platform.PLATFORM_IOS,
        Platform.PLATFORM_WEB_CHROME,
    ]


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"tagNames": ["a"], "userIds": ["b"]}, "target"),
        ({"platforms": ["A"], "deviceIds": ["b"]}, "target"),
        ({"platforms": ["A", "W"]}, "target.platforms"),
        ({"deviceIds": [str(i) for i in range(1001)]}, "target.deviceIds"),
        ({"userIds": ["u" * 255]}, "target.userIds"),
        ({"userIds": [""]}, "target.userIds"),
        ({"tagNames": [1]}, "target.tagNames[0]"),
        ({"tagNames": "news"}, "target.tagNames"),
        ({"tagNames": ["a\0"]}, "target.tagNames[0]"),
        ({"expression": "a AND"}, "target.expression"),
        ({"expression": ""}, "target.expression"),
        ({"expression": ["a"]}, "target.expression"),
        ({"expression": "a", "tagNames": ["b"]}, "target"),
        ([], "target"),
        ("everyone", "target"),
    ],
)
async def test_a_wrong_target_is_named(world: World, target: Any, field: str) -> None:
    await refuse(world, HELLO | {"target": target}, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": None}, "message"),
        ({"message": "Hello"}, "message"),
        ({"message": {}}, "message.alert"),
        ({"message": {"alert": ""}}, "message.alert"),
        ({"message": {"alert": 5}}, "message.alert"),
        ({"message": {"alert": "a\0"}}, "message.alert"),
        ({"message": {"alert": "a", "url": "u" * 2049}}, "message.url"),
        (HELLO | {"validate": "perhaps"}, "validate"),
        (HELLO | {"settings": []}, "settings"),
        ([HELLO], "body"),
        (7, "body"),
    ],
)
async def test_a_wrong_message_is_named(world: World, body: Any, field: str) -> None:
    await refuse(world, body, field)


async def test_a_payload_that_dispatch_finds_too_large_is_refused(world: World) -> None:
    await refuse(world, {"message": {"alert": "x" * 3000}}, "message", "A", "3000", "2048")


async def test_unknown_names_are_refused_when_asked_to_validate(world: World) -> None:
    body = HELLO | {"target": {"deviceIds": ["none"]}, "validate": True}

    answer = await world.post("/messages", body)

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
    assert "none" in answer.json()["message"]


async def test_settings_beyond_measure_are_refused(world: World) -> None:
    await refuse(world, HELLO | {"settings": {"x": "y" * 70_000}}, "message", "65536")


async def test_a_target_too_long_to_annotate_is_still_sent_and_read_back(world: World) -> None:
    names = [f"{i:0>254}" for i in range(1000)]
    message_id = await world.send(target={"deviceIds": names})

    read = await world.call("GET", f"/messages/{message_id}")

    assert read.json()["target"] == {"deviceIds": names}


async def test_an_idempotency_key_sends_once(world: World) -> None:
    headers = world.back_end | {"Idempotency-Key": "order 7"}

    first = await world.post("/messages", HELLO, headers=headers)
    second = await world.post("/messages", HELLO, headers=headers)
    other = await world.post("/messages", {"message": {"alert": "Bye"}}, headers=headers)

    assert first.json() == second.json()
    assert len(world.dispatch.messages) == 1
    assert (other.status_code, other.json()["code"]) == (409, "FPWSE0002E")


async def test_an_idempotency_key_too_long_is_named(world: World) -> None:
    headers = world.back_end | {"Idempotency-Key": "k" * 129}

    answer = await world.post("/messages", HELLO, headers=headers)

    assert answer.status_code == 400
    assert "'Idempotency-Key'" in answer.json()["message"]


async def test_in_bulk_all_are_taken_in_order(world: World) -> None:
    answer = await world.post("/messages/bulk", [HELLO, {"message": {"alert": "Bye"}}])

    assert answer.status_code == 202
    assert answer.json()["messages"][1] == {
        "createdTime": "2026-11-02T12:00:00.000Z",
        "messageId": "Msg00001",
        "alert": "Bye",
        "href": f"{PUBLIC}/imfpush/v1/apps/{APP_ID}/messages/Msg00001",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ([], "body"),
        ([HELLO] * 1001, "body"),
        ([HELLO, {}], "[1].message"),
        ([HELLO, 1], "[1]"),
        ([HELLO, {"message": {"alert": ""}}], "[1].message.alert"),
        ([HELLO, HELLO | {"target": {"platforms": ["X"]}}], "[1].target.platforms"),
        ([HELLO, HELLO | {"settings": {"apns": {"title": 1}}}], "[1].settings.apns.title"),
        ([HELLO, {"message": {"alert": "x" * 3000}}], "message"),
    ],
)
async def test_in_bulk_one_wrong_entry_refuses_all(world: World, body: Any, field: str) -> None:
    answer = await world.post("/messages/bulk", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]
    assert not world.dispatch.messages


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("2027-03-01T08:00:00+01:00", 1803884400000),
        ("2027-03-01T07:00:00Z", 1803884400000),
        ("2027-03-01T07:00:00.25Z", 1803884400250),
        ("20270301T070000Z", 1803884400000),
        (1803884400000, 1803884400000),
        ("1803884400000", 1803884400000),
        (1803884400000.0, 1803884400000),
    ],
)
async def test_its_times_are_read_as_text_or_as_milliseconds(
    world: World, written: object, milliseconds: int
) -> None:
    message_id = await world.send(notBefore=written, expiresAt=1803888000000)

    assert sent(world).start_time.ToMilliseconds() == milliseconds
    assert sent(world).expire_time.ToMilliseconds() == 1803888000000
    read = await world.call("GET", f"/messages/{message_id}")
    assert (read.json()["notBefore"], read.json()["expiresAt"]) == (written, 1803888000000)


@pytest.mark.parametrize("field", ["notBefore", "expiresAt"])
@pytest.mark.parametrize(
    "written",
    ["", "tomorrow", "2027-03-01T08:00:00", "2027-03-01", "2027-13-01T08:00:00Z", True, [], 10**18,
     -(10**18), "١٨٠٣", "1e12", 1e300],
)  # fmt: skip
async def test_a_time_that_is_none_is_named(world: World, field: str, written: object) -> None:
    await refuse(world, HELLO | {field: written}, field)


@pytest.mark.parametrize(
    ("word", "prefers_loss"), [(None, False), ("REPEAT", False), ("LOSE", True), ("lose", True)]
)
async def test_what_becomes_of_an_unanswered_request_is_its_senders_choice(
    world: World,
    word: str | None,
    prefers_loss: bool,  # noqa: FBT001  a column of the table
) -> None:
    await world.send(whenUnanswered=word)

    assert sent(world).content.prefer_loss == prefers_loss


@pytest.mark.parametrize("word", ["", "DROP", 1, []])
async def test_another_choice_is_refused(world: World, word: object) -> None:
    await refuse(world, HELLO | {"whenUnanswered": word}, "whenUnanswered")


async def test_absent_times_are_none(world: World) -> None:
    await world.send(notBefore=None, expiresAt=None)

    assert not sent(world).HasField("start_time")
    assert not sent(world).HasField("expire_time")
