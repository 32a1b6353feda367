"""What came of a message, and what may a device say about it?"""

import asyncio

import pytest

from carillon.dispatch.v1.message_pb2 import Delivery, Outcome
from carillon.type.v1.platform_pb2 import Platform
from services.edge.routes.deliveries import OUTCOME_WORDS
from tests.edge.conftest import APP_ID, World
from tests.edge.rooms.rules import noon


async def deliver(world: World, *outcomes: "Outcome.ValueType") -> str:
    """A message with one outcome for each of as many devices, by turns Android and iOS."""
    message_id = await world.send()
    world.dispatch.deliveries[APP_ID, message_id] = [
        Delivery(
            uid=i,
            device_id=f"device-{i}",
            user_id="ada" if i else "",
            platform=Platform.PLATFORM_IOS if i % 2 else Platform.PLATFORM_ANDROID,
            outcome=outcome,
            reason="UNREGISTERED" if outcome == Outcome.OUTCOME_INVALID else "",
            update_time=noon(),
        )
        for i, outcome in enumerate(outcomes)
    ]
    return message_id


async def test_a_report_counts_each_device_once(world: World) -> None:
    message_id = await deliver(
        world,
        Outcome.OUTCOME_SENT,
        Outcome.OUTCOME_SENT,
        Outcome.OUTCOME_SEEN,
        Outcome.OUTCOME_OPEN,
        Outcome.OUTCOME_INVALID,
        Outcome.OUTCOME_PENDING,
    )

    answer = await world.call("GET", f"/messages/{message_id}/report")

    assert answer.json() == {
        "messageId": message_id,
        "sent": 2,
        "seen": 1,
        "open": 1,
        "invalid": 1,
        "platforms": {
            "G": {"sent": 1, "seen": 1, "open": 0, "invalid": 1},
            "A": {"sent": 1, "seen": 0, "open": 1, "invalid": 0},
        },
    }


async def test_each_devices_outcome_is_listed(world: World) -> None:
    message_id = await deliver(world, Outcome.OUTCOME_SENT, Outcome.OUTCOME_INVALID)

    answer = await world.call("GET", f"/messages/{message_id}/deliverystatus")

    assert answer.json() == {
        "messageId": message_id,
        "deliveryStatus": [
            {
                "deviceId": "device-0",
                "userId": "anonymous",
                "platform": "G",
                "status": "SENT",
                "lastUpdatedTime": "2026-11-02T12:00:00.000Z",
            },
            {
                "deviceId": "device-1",
                "userId": "ada",
                "platform": "A",
                "status": "INVALID",
                "failureReason": "UNREGISTERED",
                "lastUpdatedTime": "2026-11-02T12:00:00.000Z",
            },
        ],
        "pageInfo": {"count": 2, "totalCount": 2},
    }


async def test_every_outcome_has_its_word(world: World) -> None:
    message_id = await deliver(world, *OUTCOME_WORDS)

    answer = await world.call("GET", f"/messages/{message_id}/deliverystatus")

    listed = answer.json()["deliveryStatus"]
    assert [one["status"] for one in listed] == list(OUTCOME_WORDS.values())
    assert [one["failureReason"] for one in listed[-2:]] == ["WITHDRAWN", "DUPLICATE"]
    assert len(OUTCOME_WORDS) == len(Outcome.keys())


@pytest.mark.parametrize(
    ("query", "status", "count"),
    [
        ("userId=ada", 200, 2),
        ("userId=anonymous", 400, None),
        ("deviceId=phone", 200, 0),
        ("deviceId=none", 404, None),
        ("size=2&offset=2", 200, 1),
        ("size=0", 400, None),
    ],
)
async def test_a_query_narrows_it(world: World, query: str, status: int, count: int | None) -> None:
    await world.register()
    message_id = await deliver(world, *[Outcome.OUTCOME_SENT] * 3)

    answer = await world.call("GET", f"/messages/{message_id}/deliverystatus?{query}")

    assert answer.status_code == status
    assert count is None or len(answer.json()["deliveryStatus"]) == count


@pytest.mark.parametrize("path", ["", "/deliverystatus"])
async def test_a_receipt_only_moves_forward(world: World, path: str) -> None:
    await world.register()
    message_id = await world.send()

    answers = [
        await world.call(
            "PUT",
            f"/messages/{message_id}{path}",
            json={"deviceId": "phone", "status": word},
            headers=world.client,
        )
        for word in ("SEEN", "open", "SEEN")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["status"] for answer in answers] == ["SEEN", "OPEN", "OPEN"]
    assert answers[0].json() == {"messageId": message_id, "deviceId": "phone", "status": "SEEN"}


@pytest.mark.parametrize(
    ("message_id", "body", "status", "field"),
    [
        ("Msg00000", {"deviceId": "phone", "status": "SENT"}, 400, "status"),
        ("Msg00000", {"deviceId": "phone"}, 400, "status"),
        ("Msg00000", {"deviceId": "phone", "status": 1}, 400, "status"),
        ("Msg00000", {"status": "SEEN"}, 400, "deviceId"),
        ("Msg00000", {"deviceId": "none", "status": "SEEN"}, 404, "deviceId"),
        ("Msg99999", {"deviceId": "phone", "status": "SEEN"}, 404, "messageId"),
        ("null", {"deviceId": "phone", "status": "SEEN"}, 404, "messageId"),
    ],
)
async def test_a_wrong_receipt_is_named(
    world: World, message_id: str, body: object, status: int, field: str
) -> None:
    await world.register()
    await world.send()

    answer = await world.call("PUT", f"/messages/{message_id}", json=body, headers=world.client)

    assert answer.status_code == status
    assert f"{field}" in answer.json()["message"]


async def test_the_applications_report_is_cumulative(world: World) -> None:
    await deliver(
        world,
        Outcome.OUTCOME_SENT,
        Outcome.OUTCOME_SEEN,
        Outcome.OUTCOME_OPEN,
        Outcome.OUTCOME_INVALID,
    )

    answer = await world.call("GET", "/messages/report")

    android = {"sent": 2, "seen": 1, "open": 1, "invalid": 0}
    ios = {"sent": 1, "seen": 1, "open": 0, "invalid": 1}
    total = {"sent": 3, "seen": 2, "open": 1, "invalid": 1}
    assert answer.json() == {
        "messageReport": [{"date": "2026-11-02", **total, "platforms": {"G": android, "A": ios}}],
        "total": total,
    }


async def test_reports_that_come_at_once_travel_together(world: World) -> None:
    message_id = await world.send()
    for i in range(40):
        await world.register(deviceId=f"device-{i}")
    bodies = [{"deviceId": f"device-{i}", "status": "SEEN"} for i in range(41)]
    answers = await asyncio.gather(
        *(world.call("PUT", f"/messages/{message_id}", json=body) for body in bodies)
    )

    assert [answer.status_code for answer in answers] == [200] * 40 + [404]
    assert answers[-1].json()["code"] == "FPWSE0001E"
    assert "device-40" in answers[-1].json()["message"]
    assert world.dispatch.calls.count("BatchReportReceipts") < 20


async def test_a_message_without_an_id_asks_nobody(world: World) -> None:
    body = {"deviceId": "phone", "status": "SEEN"}
    answer = await world.call("PUT", "/messages/null", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
    assert world.dispatch.calls == []
