"""What does the webhooks' resource promise, to back ends and to the OpenWhisk packages?"""

from typing import Any

import pytest

from carillon.dispatch.v1.webhook_pb2 import DeadLetter, WebhookEvent
from tests.edge.conftest import APP_ID, APPS, PUBLIC, World
from tests.edge.rooms.rules import noon
from tests.edge.rooms.webhooks import SECRET

HOOK = {"name": "crm", "url": "https://crm.example.com/push", "eventTypes": "onSubscribe"}
READ = HOOK | {
    "createdTime": "2026-11-02T12:00:00.000Z",
    "lastUpdatedTime": "2026-11-02T12:00:00.000Z",
    "href": f"{PUBLIC}{APPS}/{APP_ID}/webhooks/crm",
}
TODAY = WebhookEvent.keys()[1:7]


async def test_the_secret_is_shown_once(world: World) -> None:
    created = await world.post("/webhooks", HOOK)
    read = await world.call("GET", "/webhooks/crm")
    listed = await world.call("GET", "/webhooks")

    assert (created.status_code, created.json()) == (201, READ | {"secret": SECRET})
    assert (read.status_code, read.json()) == (200, READ)
    assert listed.json() == {"webhooks": [READ], "pageInfo": {"count": 1, "totalCount": 1}}


@pytest.mark.parametrize(
    ("given", "events"),
    [
        ("*", TODAY),
        (["*"], TODAY),
        ("onSubscribe", ["WEBHOOK_EVENT_SUBSCRIBED"]),
        ("ONSUBSCRIBE", ["WEBHOOK_EVENT_SUBSCRIBED"]),
        (
            "onDeviceRegister, onUnsubscribe,",
            ["WEBHOOK_EVENT_DEVICE_REGISTERED", "WEBHOOK_EVENT_UNSUBSCRIBED"],
        ),
        (["onNotificationSend"], ["WEBHOOK_EVENT_NOTIFICATION_SENT"]),
        (
            ["onNotificationSent", "onNotificationFailure"],
            ["WEBHOOK_EVENT_NOTIFICATION_SENT", "WEBHOOK_EVENT_NOTIFICATION_FAILED"],
        ),
    ],
)
async def test_event_types_come_back_as_they_were_given(
    world: World, given: Any, events: list[str]
) -> None:
    created = await world.post("/webhooks", HOOK | {"eventTypes": given})

    (kept,) = world.webhooks.webhooks.values()
    assert created.json()["eventTypes"] == given
    assert [WebhookEvent.Name(event) for event in kept.events] == events


async def test_a_taken_name_is_told_in_the_words_that_packages_look_for(world: World) -> None:
    await world.post("/webhooks", HOOK)

    again = await world.post("/webhooks", HOOK)

    assert (again.status_code, again.json()["code"]) == (409, "FPWSE0002E")
    assert "the resource 'Webhook' already exists on the server" in again.json()["message"]


async def test_changing_and_deleting_one(world: World) -> None:
    await world.post("/webhooks", HOOK)

    changes = {"url": "https://other.example.com/", "eventTypes": ["onSubscribe"]}
    changed = await world.call("PUT", "/webhooks/crm", json=changes)
    renamed = await world.call("PUT", "/webhooks/crm", json=HOOK | {"name": "other"})
    nameless = await world.call("DELETE", "/webhooks")
    deleted = await world.call("DELETE", "/webhooks/crm")

    assert (changed.status_code, changed.json()) == (200, READ | changes)
    assert (renamed.status_code, renamed.json()["code"]) == (400, "FPWSE0005E")
    assert nameless.status_code == 405
    assert (deleted.status_code, deleted.content) == (204, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/secret"),
        ("GET", "/deadLetters"),
        ("POST", "/deadLetters/replay"),
    ],
)
async def test_an_unknown_one_is_404(world: World, method: str, path: str) -> None:
    body = HOOK | {"name": "none"} if method == "PUT" else {}

    answer = await world.call(method, f"/webhooks/none{path}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")


async def test_dead_letters_are_read_and_told_again(world: World) -> None:
    await world.post("/webhooks", HOOK)
    for event_id in ("evt_1", "evt_2", "evt_3"):
        letter = DeadLetter(event_id=event_id, body='{"type":"onSubscribe"}', attempts=9)
        letter.reason = "503"
        letter.create_time.CopyFrom(noon())
        world.webhooks.letters[event_id] = letter

    listed = (await world.call("GET", "/webhooks/crm/deadLetters?size=2")).json()
    one = await world.post("/webhooks/crm/deadLetters/replay", {"eventIds": ["evt_2"]})
    rest = await world.call("POST", "/webhooks/crm/deadLetters/replay")

    assert listed["deadLetters"][0] == {
        "eventId": "evt_1",
        "event": {"type": "onSubscribe"},
        "attempts": 9,
        "reason": "503",
        "createdTime": "2026-11-02T12:00:00.000Z",
    }
    assert (listed["pageInfo"]["count"], "next" in listed["pageInfo"]) == (2, True)
    assert [(a.status_code, a.json()) for a in (one, rest)] == [
        (202, {"replayed": 1}),
        (202, {"replayed": 2}),
    ]


async def test_a_new_secret_is_shown_once(world: World) -> None:
    await world.post("/webhooks", HOOK)

    rotated = await world.call("POST", "/webhooks/crm/secret")

    assert (rotated.status_code, rotated.json()) == (200, {"name": "crm", "secret": SECRET})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "n" * 255}, "name"),
        ({"url": None}, "url"),
        ({"url": 5}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"eventTypes": None}, "eventTypes"),
        ({"eventTypes": []}, "eventTypes"),
        ({"eventTypes": ","}, "eventTypes"),
        ({"eventTypes": {}}, "eventTypes"),
        ({"eventTypes": [1]}, "eventTypes[0]"),
        ({"eventTypes": "onTime"}, "eventTypes"),
        ({"eventTypes": ["*"] * 51}, "eventTypes"),
    ],
)
async def test_a_wrong_field_is_named(world: World, changes: dict[str, Any], field: str) -> None:
    answer = await world.post("/webhooks", HOOK | changes)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]
    assert not world.webhooks.webhooks


async def test_a_name_may_hold_a_slash(world: World) -> None:
    created = await world.post("/webhooks", HOOK | {"name": "a/b c"})
    path = created.json()["href"].split(APP_ID)[1]

    read = await world.call("GET", path)
    deleted = await world.call("DELETE", path)

    assert (read.json()["name"], deleted.status_code) == ("a/b c", 204)
