"""What is a caller told who sends something wrong?

Each case has its status, its code, and words that its sentence must hold. Nothing may be stored.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE

pytestmark = HOUSE

UNKNOWN_APP = "00000000-0000-4000-8000-000000000000"
INVALID, MALFORMED, MISSING = (400, "FPWSE0005E"), (400, "FPWSE0004E"), (404, "FPWSE0001E")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """A request to `path` with `body`: JSON, or bytes as they are."""

    name: str
    path: str
    body: object
    told: tuple[int, str]
    words: tuple[str, ...]
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def device(**changes: Any) -> dict[str, Any]:
    whole = {"deviceId": "d", "platform": "G", "token": "t", **changes}
    return {name: value for name, value in whole.items() if value is not None}


def message(**changes: Any) -> dict[str, Any]:
    return {"message": {"alert": "wrong somewhere"}, **changes}


def ids(kind: str, count: int) -> dict[str, Any]:
    return message(target={kind: [f"id-{number}" for number in range(count)]})


DEVICES = [
    Case("malformed JSON", "/devices", b'{"deviceId": "d",', MALFORMED, ("JSON",)),
    Case("no body", "/devices", b"", MALFORMED, ("empty",)),
    Case("an array", "/devices", [], INVALID, ("body", "object")),
    Case("invalid UTF-8", "/devices", b'{"deviceId": "\xff"}', MALFORMED, ("UTF-8",)),
    Case("no token", "/devices", device(token=None), INVALID, ("'token'", "required")),
    Case("an empty token", "/devices", device(token=""), INVALID, ("'token'",)),
    Case("no platform", "/devices", device(platform=None), INVALID, ("'platform'", "required")),
    Case("no device id", "/devices", device(deviceId=None), INVALID, ("'deviceId'", "required")),
    Case("a number", "/devices", device(userId={"a": 1}), INVALID, ("'userId'", "string")),
    Case("unknown platform", "/devices", device(platform="W"), INVALID, ("'platform'", "'W'")),
    Case(
        "a long device id",
        "/devices",
        device(deviceId="d" * 255),
        INVALID,
        ("'deviceId'", "254", "255"),
    ),
    Case(
        "a long user id", "/devices", device(userId="u" * 255), INVALID, ("'userId'", "254", "255")
    ),
    Case("a long token", "/devices", device(token="t" * 5000), INVALID, ("'token'", "4096")),
    Case("a NUL", "/devices", device(userId="a\0b"), INVALID, ("'userId'", "NUL")),
    Case("a lone surrogate", "/devices", b'{"deviceId": "\\ud800"}', (400, ""), ()),
    Case(
        "a body over 1 MiB",
        "/devices",
        device(token="t" * MIB),
        (413, "CARILLON0413E"),
        (str(MIB),),
    ),
    Case(
        "no JSON at all",
        "/devices",
        device(),
        (415, "CARILLON0415E"),
        ("application/json",),
        headers={"Content-Type": "application/xml"},
    ),
    Case(
        "a device that is none",
        "/devices/none",
        {"token": "t"},
        MISSING,
        ("Device", "none"),
        method="PUT",
    ),
]
TAGS = [
    Case("no name", "/tags", {"description": "x"}, INVALID, ("'name'", "required")),
    Case("a long name", "/tags", {"name": "n" * 255}, INVALID, ("'name'", "254", "255")),
    Case("a NUL", "/tags", {"name": "a\0"}, INVALID, ("'name'", "NUL")),
    Case("an unknown tag", "/tags/none", {"description": "x"}, MISSING, ("Tag", "none"), "PUT"),
    Case(
        "a device that is none",
        "/subscriptions",
        {"deviceId": "none", "tagNames": ["x"]},
        MISSING,
        ("Device", "none"),
    ),
    Case("no tag at all", "/subscriptions", {"deviceId": "d"}, INVALID, ("'tagName'", "required")),
    Case(
        "too many tags",
        "/subscriptions",
        {"deviceId": "d", "tagNames": ["x"] * 1001},
        INVALID,
        ("'tagNames'", "1000", "1001"),
    ),
]
MESSAGES = [
    Case("no message", "/messages", {}, INVALID, ("'message'", "required")),
    Case("no alert", "/messages", {"message": {}}, INVALID, ("'message.alert'", "required")),
    Case("a number", "/messages", {"message": {"alert": []}}, INVALID, ("'message.alert'",)),
    Case("a NUL", "/messages", {"message": {"alert": "a\0"}}, INVALID, ("alert", "NUL")),
    Case(
        "a word of no list",
        "/messages",
        message(settings={"gcm": {"priority": "loud"}}),
        INVALID,
        ("'settings.gcm.priority'", "'loud'"),
    ),
    Case(
        "one that is too large among many",
        "/messages/bulk",
        [message(), {"message": {"alert": "x" * 3000}}],
        INVALID,
        ("'[1].message'", "platform A", "2048"),
    ),
    Case(
        "a style that would silence the phone",
        "/messages",
        message(settings={"gcm": {"style": {"type": "bigtext_notification", "text": "x"}}}),
        INVALID,
        ("'settings.gcm.style.title'",),
    ),
    Case(
        "a payload that is no object",
        "/messages",
        message(settings={"firefoxWeb": {"payload": [1]}}),
        INVALID,
        ("'settings.firefoxWeb.payload'", "object"),
    ),
    Case(
        "a payload without end",
        "/messages",
        message(settings={"apns": {"payload": '{"a":' * 300 + "1" + "}" * 300}}),
        INVALID,
        ("'settings.apns.payload'", "200"),
    ),
    Case(
        "a header within a header",
        "/messages",
        message(settings={"apns": {"apnsCollapseId": "a\r\nb: c"}}),
        INVALID,
        ("'settings.apns.apnsCollapseId'", "printable"),
    ),
    Case(
        "two kinds of targets",
        "/messages",
        message(target={"userIds": ["a"], "tagNames": ["b"]}),
        INVALID,
        ("'target'", "one kind"),
    ),
    Case(
        "too many devices",
        "/messages",
        ids("deviceIds", 1001),
        INVALID,
        ("'target.deviceIds'", "1000", "1001"),
    ),
    Case(
        "too many users",
        "/messages",
        ids("userIds", 1001),
        INVALID,
        ("'target.userIds'", "1000", "1001"),
    ),
    Case(
        "too many tags",
        "/messages",
        ids("tagNames", 1001),
        INVALID,
        ("'target.tagNames'", "1000", "1001"),
    ),
    Case(
        "a long id",
        "/messages",
        message(target={"deviceIds": ["d" * 255]}),
        INVALID,
        ("'target.deviceIds'", "254"),
    ),
    Case(
        "an unknown platform",
        "/messages",
        message(target={"platforms": ["G", "W"]}),
        INVALID,
        ("'target.platforms'", "'W'"),
    ),
    Case(
        "names of nobody, to be validated",
        "/messages",
        message(target={"tagNames": ["none"]}, validate=True),
        MISSING,
        ("'target'", "none"),
    ),
    Case(
        "too long for a platform",
        "/messages",
        {"message": {"alert": "a" * 2100}, "target": {"platforms": ["A"]}},
        INVALID,
        ("platform A", "2048"),
    ),
    Case(
        "one wrong of several",
        "/messages/bulk",
        [message(), message(target={"platforms": ["W"]})],
        INVALID,
        ("'[1].target.platforms'",),
    ),
    Case("no array", "/messages/bulk", message(), INVALID, ("'body'", "array")),
    Case("too many at once", "/messages/bulk", [message()] * 1001, INVALID, ("1000", "1001")),
    Case(
        "a status of no list",
        "/messages/AbCd1234",
        {"deviceId": "d", "status": "LOST"},
        INVALID,
        ("'status'", "SEEN or OPEN"),
        method="PUT",
    ),
    Case(
        "a message that is none",
        "/messages/null",
        {"deviceId": "d", "status": "OPEN"},
        MISSING,
        ("Message", "null"),
        method="PUT",
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(world: World) -> App:
    return await world.open_app()


async def stored(app: App) -> list[int]:
    return [
        (await app.read(f"/{things}"))["pageInfo"]["totalCount"]
        for things in ("devices", "tags", "messages")
    ]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{place}: {case.name}")
        for place, cases in (("devices", DEVICES), ("tags", TAGS), ("messages", MESSAGES))
        for case in cases
    ],
)
async def test_the_status_the_code_and_what_to_mend(shop: App, case: Case) -> None:
    headers = {"Content-Type": "application/json"} | case.headers
    answer = await shop.ask(case.method, case.path, content=case.content(), headers=headers)
    told = answer.json()

    assert answer.status_code == case.told[0], told
    assert told["code"] == (case.told[1] or told["code"])
    assert set(told) == {"message", "code"}
    assert all(word in told["message"] for word in case.words), told["message"]
    assert await stored(shop) == [0, 0, 0]


@pytest.mark.parametrize(("query", "code"), [("size=0", "FPWSE1080E"), ("offset=-1", "FPWSE1079E")])
async def test_which_bound_a_list_has(shop: App, query: str, code: str) -> None:
    answer = await shop.ask("GET", f"/devices?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("app_id", [UNKNOWN_APP, "no-guid", "%00"])
@pytest.mark.parametrize("path", ["/devices", "/tags", "/messages"])
async def test_that_there_is_no_such_application(world: World, app_id: str, path: str) -> None:
    answer = await world.rest.get(f"/apps/{app_id}{path}", headers={"appSecret": "any"})

    assert (answer.status_code, answer.json()["code"]) == MISSING


async def test_that_a_path_cannot_hold_a_nul(shop: App) -> None:
    answer = await shop.ask("GET", "/devices/a%00b")

    assert (answer.status_code, answer.json()["code"]) == INVALID


async def test_never_that_we_have_failed(world: World) -> None:
    failures = [
        event
        for event in world.transcript.events(event="request", room="edge")
        if event["status"] >= 500 and event["status"] != 503
    ]
    bugs = world.transcript.events(event="rpc", code="INTERNAL")

    assert failures == bugs == []
