"""What does the imitated FCM refuse, and in Google's words?"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.sandbox.behaviours import Behaviour, Instruction
from services.sandbox.exchange import Request
from services.sandbox.gateways.contract import Refused, find_fault
from services.sandbox.gateways.fcm import BAD_REQUEST, FAULTS, FCM_ERROR, FcmGateway, Project

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
PATH = "/v1/projects/acme/messages:send"
GOOGLE = FcmGateway(Project("acme", "123456789012"), lambda token, _now: token == "good")


def send(
    message: dict[str, Any] | None = None,
    *,
    path: str = PATH,
    authorization: str = "Bearer good",
    body: bytes | None = None,
    **beside: Any,
) -> Request:
    asked = {"message": {"token": "phone-1"} if message is None else message, **beside}
    whole = json.dumps(asked).encode() if body is None else body
    return Request("POST", path, "localhost:8443", {"authorization": (authorization,)}, whole)


def to_phone(**fields: Any) -> Request:
    return send({"token": "phone-1", **fields})


def refusal(request: Request) -> dict[str, Any]:
    with pytest.raises(Refused) as refused:
        GOOGLE.examine(request, NOON)
    response = GOOGLE.refuse(request, refused.value)
    error: dict[str, Any] = json.loads(response.body)["error"]
    assert error["code"] == response.status
    return error


def fcm_code(error: dict[str, Any]) -> str | None:
    codes = [d["errorCode"] for d in error.get("details", []) if d["@type"] == FCM_ERROR]
    return codes[0] if codes else None


def blamed(error: dict[str, Any]) -> list[str]:
    return [
        violation["field"]
        for detail in error.get("details", [])
        if detail["@type"] == BAD_REQUEST
        for violation in detail["fieldViolations"]
    ]


FRONT_DOOR = {
    "no token": (send(authorization=""), 401, "UNAUTHENTICATED"),
    "a bad token": (send(authorization="Bearer bad"), 401, "UNAUTHENTICATED"),
    "another scheme": (send(authorization="key=good"), 401, "UNAUTHENTICATED"),
    "the old endpoint": (send(path="/fcm/send"), 404, "NOT_FOUND"),
    "another verb": (send(path="/v1/projects/acme/messages:sendAll"), 404, "NOT_FOUND"),
}


@pytest.mark.parametrize("case", FRONT_DOOR.values(), ids=FRONT_DOOR.keys())
def test_a_wrong_door_says_nothing_of_the_device(case: tuple[Request, int, str]) -> None:
    request, status, word = case
    error = refusal(request)

    assert (error["code"], error["status"]) == (status, word)
    assert fcm_code(error) is None


UNREADABLE = {
    "no JSON": (send(body=b"{"), ""),
    "no UTF-8": (send(body=b'{"message":{"token":"\xff"}}'), ""),
    "no object": (send(body=b"[]"), ""),
    "an unknown field": (to_phone(alert="x"), "message"),
    "an unknown field beside the message": (send(dryRun=True), ""),
    "an unknown field for Android": (to_phone(android={"timeToLive": 3}), "message.android"),
    "a number as data": (to_phone(data={"badge": 1}), "message.data[0].value"),
    "an object as data": (to_phone(data={"payload": {}}), "message.data[0].value"),
    "data that is a list": (to_phone(data=[]), "message.data"),
    "an unknown priority": (to_phone(android={"priority": "max"}), "message.android.priority"),
    "a ttl in numbers": (to_phone(android={"ttl": 60}), "message.android.ttl"),
    "a ttl without unit": (to_phone(android={"ttl": "60"}), "message.android.ttl"),
    "a text as flag": (send(validateOnly="yes"), "validateOnly"),
    "a text as number": (
        to_phone(android={"notification": {"notificationCount": "1"}}),
        "message.android.notification.notificationCount",
    ),
    "a text as list": (
        to_phone(android={"notification": {"bodyLocArgs": "x"}}),
        "message.android.notification.bodyLocArgs",
    ),
    "two targets": (send({"token": "phone-1", "topic": "news"}), "message.topic"),
    "a field in both spellings": (
        to_phone(fcmOptions={}, fcm_options={}),
        "message",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_does_not_fit_the_schema_is_blamed_by_its_path(case: tuple[Request, str]) -> None:
    request, path = case
    error = refusal(request)

    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert blamed(error) == [path]
    assert fcm_code(error) is None


INVALID = {
    "no message": (send(body=b"{}"), "message"),
    "no target": (send({"data": {}}), "message"),
    "a subscription as token": (send({"token": '{"endpoint":"x"}'}), "message.token"),
    "a topic with a blank": (send({"topic": "a b"}), "message.topic"),
    "a condition of six topics": (
        send({"condition": " || ".join(["'a' in topics"] * 6)}),
        "message.condition",
    ),
    "a condition of no topic": (send({"condition": "everybody"}), "message.condition"),
    "the reserved key from": (to_phone(data={"from": "x"}), "message.data"),
    "the reserved key message_type": (to_phone(data={"message_type": "x"}), "message.data"),
    "a reserved gcm key": (to_phone(data={"gcm.n": "x"}), "message.data"),
    "a reserved key for Android": (
        to_phone(android={"data": {"google.x": "x"}}),
        "message.android.data",
    ),
    "a ttl of 29 days": (to_phone(android={"ttl": "2505600s"}), "message.android.ttl"),
    "a negative ttl": (to_phone(android={"ttl": "-1s"}), "message.android.ttl"),
    "4097 bytes": (to_phone(data={"k": "x" * 4096}), "message"),
    "4097 bytes of two-byte letters": (to_phone(data={"k": "é" * 2048}), "message"),
    "2049 bytes to a topic": (send({"topic": "news", "data": {"k": "x" * 2048}}), "message"),
}


@pytest.mark.parametrize("case", INVALID.values(), ids=INVALID.keys())
def test_what_fcm_itself_refuses_carries_its_error_code(case: tuple[Request, str]) -> None:
    request, path = case
    error = refusal(request)

    assert (error["code"], fcm_code(error)) == (400, "INVALID_ARGUMENT")
    assert blamed(error) == [path]


def test_an_empty_token_is_unregistered() -> None:
    error = refusal(send({"token": ""}))

    assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    assert fcm_code(error) == "UNREGISTERED"


ACCEPTED = {
    "a token alone": send(),
    "the project by number": send(path="/v1/projects/123456789012/messages:send"),
    "a topic": send({"topic": "news"}),
    "a condition": send({"condition": "'a' in topics && 'b' in topics"}),
    "snake case": to_phone(android={"collapse_key": "k", "direct_boot_ok": True}),
    "a null": to_phone(notification=None),
    "priority and ttl": to_phone(android={"priority": "high", "ttl": "3.5s"}),
    "four weeks": to_phone(android={"ttl": "2419200s"}),
    "4096 bytes": to_phone(data={"k": "x" * 4095}),
    "Android's data instead of the rest": to_phone(
        data={"k": "x" * 4096}, android={"data": {"k": "x"}}
    ),
    "all of Android's notification": to_phone(
        android={
            "notification": {
                "title": "t",
                "bodyLocArgs": ["a"],
                "vibrateTimings": ["3.5s"],
                "lightSettings": {"color": {"red": 1, "alpha": 0.5}, "lightOnDuration": "1s"},
                "eventTime": "2026-11-02T12:00:00Z",
                "visibility": "PUBLIC",
                "notificationPriority": "PRIORITY_MAX",
                "notificationCount": 3,
            }
        }
    ),
    "other platforms": to_phone(
        apns={"headers": {"apns-priority": "5"}, "payload": {"aps": {"badge": 1}}},
        webpush={"headers": {"TTL": "1"}, "notification": {"anything": [1]}},
    ),
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_it_takes(request_: Request) -> None:
    notification = GOOGLE.examine(request_, NOON)
    answered = json.loads(GOOGLE.accept(request_, notification).body)

    assert answered["name"].startswith("projects/acme/messages/")
    assert notification.delivered


def test_any_project_is_as_good_as_ours() -> None:
    request = send(path="/v1/projects/other/messages:send")
    answered = json.loads(GOOGLE.accept(request, GOOGLE.examine(request, NOON)).body)

    assert answered["name"].startswith("projects/other/messages/")


def test_a_rehearsal_delivers_nothing() -> None:
    assert not GOOGLE.examine(send(validate_only=True), NOON).delivered


def test_what_it_took_can_be_seen_without_the_token() -> None:
    notification = GOOGLE.examine(to_phone(data={"alert": "Paid"}), NOON)

    assert notification.address == "phone-1"
    assert notification.payload == {"data": {"alert": "Paid"}}


@pytest.mark.parametrize(
    ("instruction", "status", "code"),
    [
        (Instruction(Behaviour.DEAD), 404, "UNREGISTERED"),
        (Instruction(Behaviour.EXPIRED), 404, "UNREGISTERED"),
        (Instruction(Behaviour.THROTTLED, retry_after=60), 429, "QUOTA_EXCEEDED"),
        (Instruction(Behaviour.ERROR), 503, "UNAVAILABLE"),
        (Instruction(Behaviour.ERROR, status=500), 500, "INTERNAL"),
        (Instruction(Behaviour.UNAUTHORIZED), 403, "SENDER_ID_MISMATCH"),
    ],
)
def test_a_fault_on_demand_is_in_googles_words(
    instruction: Instruction, status: int, code: str
) -> None:
    fault = find_fault(FAULTS, instruction, NOON)
    assert fault is not None
    response = GOOGLE.refuse(send(), fault)

    assert response.status == status
    assert fcm_code(json.loads(response.body)["error"]) == code
    assert response.headers.get("retry-after") == ("60" if status == 429 else None)


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(["message", "token", "data", "android", "ttl", "topic", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(asked=json_values)
def test_whatever_comes_is_judged_and_never_a_crash(asked: object) -> None:
    request = send(body=json.dumps(asked).encode())
    statuses = {200}
    try:
        GOOGLE.examine(request, NOON)
    except Refused as refused:
        statuses.add(refused.status)

    assert statuses <= {200, 400, 404}
    assert GOOGLE.glimpse(request).delivered
