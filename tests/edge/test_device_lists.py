"""Which devices does a back end's list hold?"""

import pytest

from carillon.registry.v1.device_pb2 import DeviceState
from tests.edge.conftest import APP_ID, World

WEB_TOKEN = (
    '{"endpoint":"https://93.184.216.34/x","userPublicKey":"BA'
    + "A" * 85
    + '=","userAuth":"AAAAAAAAAAAAAAAAAAAAAA=="}'
)


async def fill(world: World) -> None:
    await world.register(deviceId="a", platform="G", userId="ada")
    await world.register(deviceId="b", platform="A", userId="ada")
    await world.register(deviceId="c", platform="WEB_CHROME", token=WEB_TOKEN)
    await world.create_tag("news")
    for device_id in ("a", "b"):
        await world.post("/subscriptions", {"deviceId": device_id, "tagName": "news"})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abc"),
        ("expand=true&unknown=1", "abc"),
        ("userId=ada", "ab"),
        ("userId=nobody", ""),
        ("filter=platform==A", "b"),
        ("filter=platform==A,web_chrome", "bc"),
        ("filter=platform==A&filter=platform==A,G", "b"),
        ("filter=platform==A&filter=platform==G", ""),
        ("tagName=news", "ab"),
        ("tagName=news&filter=platform==G", "a"),
        ("tagName=none", ""),
        ("size=2", "ab"),
        ("size=2&offset=2", "c"),
        ("size=100000", "abc"),
    ],
)
async def test_the_ones_that_the_query_means(world: World, query: str, expected: str) -> None:
    await fill(world)

    answer = await world.call("GET", f"/devices?{query}")

    assert answer.status_code == 200
    assert "".join(device["deviceId"] for device in answer.json()["devices"]) == expected
    assert answer.json()["pageInfo"]["count"] == len(expected)


async def test_only_dead_ones_are_left_out_of_a_tag(world: World) -> None:
    await fill(world)
    devices = world.registry.tenants[APP_ID].devices
    devices["a"].state = DeviceState.DEVICE_STATE_DEAD
    devices["b"].state = DeviceState.DEVICE_STATE_QUARANTINED

    answer = await world.call("GET", "/devices?tagName=news")

    assert [device["deviceId"] for device in answer.json()["devices"]] == ["b"]


@pytest.mark.parametrize(
    ("query", "code", "word"),
    [
        ("size=0", "FPWSE1080E", "size"),
        ("size=-1", "FPWSE1080E", "size"),
        ("size=many", "FPWSE1080E", "size"),
        ("size=" + "9" * 5000, "FPWSE1080E", "size"),
        ("offset=-1", "FPWSE1079E", "offset"),
        ("offset=x", "FPWSE1079E", "offset"),
        ("offset=10001", "FPWSE1079E", "pageInfo.next"),
        ("cursor=forged", "FPWSE0005E", "cursor"),
        ("filter=platform=@A", "FPWSE0005E", "filter"),
        ("filter=platform==X", "FPWSE0005E", "filter"),
        ("filter=platform==", "FPWSE0005E", "filter"),
        ("filter=userId==ada", "FPWSE0005E", "filter"),
        ("filter=nonsense", "FPWSE0005E", "filter"),
        ("userId=%00", "FPWSE0005E", "userId"),
        ("userId=anonymous", "FPWSE0005E", "userId"),
        ("userId=anonymous&tagName=news", "FPWSE0005E", "userId"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(
    world: World, query: str, code: str, word: str
) -> None:
    answer = await world.call("GET", f"/devices?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert word in answer.json()["message"]


async def test_a_tags_devices_are_read_in_one_call(world: World) -> None:
    await fill(world)
    await world.call("GET", "/devices?tagName=news")

    assert world.registry.calls.count("BatchGetDevices") == 1
    assert "GetDevice" not in world.registry.calls


async def test_the_report_counts_days_and_devices(world: World) -> None:
    await fill(world)

    answer = await world.call("GET", "/devices/report?days=7")

    assert answer.json() == {
        "deviceReport": [
            {
                "date": "2026-11-02",
                "registered": 3,
                "platforms": {"G": 1, "A": 1, "WEB_CHROME": 1},
            }
        ],
        "totalDevices": 3,
    }


@pytest.mark.parametrize("path", ["/devices/report", "/messages/report"])
@pytest.mark.parametrize("days", ["0", "367", "-1", "x", "1.5", "9" * 50])
async def test_a_report_of_impossible_days_is_refused(world: World, path: str, days: str) -> None:
    answer = await world.call("GET", f"{path}?days={days}")

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert "days" in answer.json()["message"]


async def test_none_to_a_client(world: World) -> None:
    answer = await world.call("GET", "/devices", headers=world.client)

    assert answer.status_code == 401
