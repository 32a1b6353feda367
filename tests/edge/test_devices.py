"""What does a client get when it registers, reads, updates and ends its device?"""

import asyncio

import pytest

from carillon.registry.v1.device_pb2 import DeviceState
from tests.edge.conftest import APP_ID, PHONE, PUBLIC, World

HREF = f"{PUBLIC}/imfpush/v1/apps/{APP_ID}/devices/phone"


async def test_registering_answers_201_with_the_whole_device(world: World) -> None:
    headers = world.client | {"User-Agent": "Acme/1.0"}
    answer = await world.post("/devices", PHONE, headers=headers)

    assert answer.status_code == 201
    assert answer.json() == {
        "deviceId": "phone",
        "token": "fcm-token",
        "platform": "G",
        "userId": "anonymous",
        "createdTime": "2026-11-02T12:00:00.000Z",
        "lastUpdatedTime": "2026-11-02T12:00:00.000Z",
        "createdMode": "API",
        "userAgent": "Acme/1.0",
        "href": HREF,
    }


async def test_registering_again_is_201_and_replaces_the_token(world: World) -> None:
    await world.register()

    answer = await world.post("/devices", PHONE | {"token": "second", "userId": "ada"})

    assert (answer.status_code, answer.json()["token"], answer.json()["userId"]) == (
        201,
        "second",
        "ada",
    )


async def test_a_web_token_comes_back_byte_for_byte(world: World) -> None:
    token = (
        ' {"endpoint" : "https:\\/\\/93.184.216.34/%C3%A9","expires":null,"userPublicKey":"BA'
        + "A" * 85
        + '=","userAuth":"a/b+AAAAAAAAAAAAAAAAAA==","é":1}\n'
    )
    await world.register(token=token, platform="web_chrome")

    answer = await world.call("GET", "/devices/phone")

    assert (answer.json()["token"], answer.json()["platform"]) == (token, "WEB_CHROME")


async def test_a_read_answers_404_for_what_is_absent(world: World) -> None:
    answer = await world.call("GET", "/devices/phone", headers=world.client)

    assert answer.status_code == 404
    assert answer.json()["code"] == "FPWSE0001E"


@pytest.mark.parametrize(
    ("state", "to_client", "to_back_end"),
    [
        (DeviceState.DEVICE_STATE_ACTIVE, 200, 200),
        (DeviceState.DEVICE_STATE_QUARANTINED, 404, 200),
        (DeviceState.DEVICE_STATE_DEAD, 404, 404),
    ],
)
async def test_a_device_that_must_register_anew_is_absent_to_clients(
    world: World, state: "DeviceState.ValueType", to_client: int, to_back_end: int
) -> None:
    await world.register()
    world.registry.tenants[APP_ID].devices["phone"].state = state
    both = world.client | world.back_end

    statuses = [
        (await world.call("GET", "/devices/phone", headers=headers)).status_code
        for headers in (world.client, world.back_end, both)
    ]

    assert statuses == [to_client, to_back_end, to_back_end]


async def test_a_put_without_user_id_makes_the_device_anonymous(world: World) -> None:
    await world.register(userId="ada", variables={"name": "Ada"})

    answer = await world.call("PUT", "/devices/phone", json={"token": "new"})

    assert answer.status_code == 200
    assert answer.json()["userId"] == "anonymous"
    stored = world.registry.tenants[APP_ID].devices["phone"]
    assert (stored.address, stored.user_id, dict(stored.variables)) == ("new", "", {"name": "Ada"})


@pytest.mark.parametrize("user_id", [None, "", "anonymous"])
async def test_anonymous_is_nobody(world: World, user_id: str | None) -> None:
    await world.register(userId=user_id)

    assert world.registry.tenants[APP_ID].devices["phone"].user_id == ""


async def test_a_put_keeps_token_and_platform_that_it_does_not_name(world: World) -> None:
    await world.register()

    answer = await world.call("PUT", "/devices/phone", json={"deviceId": "phone", "userId": "ada"})

    assert answer.status_code == 200
    assert {key: answer.json()[key] for key in ("token", "platform", "userId")} == {
        "token": "fcm-token",
        "platform": "G",
        "userId": "ada",
    }


async def test_deleting_is_204_and_then_404(world: World) -> None:
    await world.register()

    first = await world.call("DELETE", "/devices/phone", headers=world.client, content=b"null")
    second = await world.call("DELETE", "/devices/phone", headers=world.client)

    assert (first.status_code, first.content, second.status_code) == (204, b"", 404)


async def test_ids_may_hold_slashes_blanks_and_letters_of_any_kind(world: World) -> None:
    await world.register(deviceId="büro/phone 1%")

    answer = await world.call("GET", "/devices/b%C3%BCro/phone%201%25", headers=world.client)

    assert answer.json()["deviceId"] == "büro/phone 1%"
    assert answer.json()["href"].endswith("/devices/b%C3%BCro%2Fphone%201%25")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"token": "t", "platform": "G"}, "deviceId"),
        ({"deviceId": "d", "platform": "G"}, "token"),
        ({"deviceId": "d", "token": "t"}, "platform"),
        ({"deviceId": "", "token": "t", "platform": "G"}, "deviceId"),
        ({"deviceId": None, "token": "t", "platform": "G"}, "deviceId"),
        ({"deviceId": 7, "token": "t", "platform": "G"}, "deviceId"),
        ({"deviceId": "d" * 255, "token": "t", "platform": "G"}, "deviceId"),
        (PHONE | {"token": "t" * 4097}, "token"),
        (PHONE | {"platform": "W"}, "platform"),
        (PHONE | {"userId": "u" * 255}, "userId"),
        (PHONE | {"userId": ["ada"]}, "userId"),
        (PHONE | {"userId": "a\0b"}, "userId"),
        (PHONE | {"variables": {"name": 1}}, "variables"),
        (PHONE | {"variables": {str(i): "x" for i in range(51)}}, "variables"),
        (PHONE | {"variables": {"\0": "x"}}, "variables"),
        ([PHONE], "body"),
        ("phone", "body"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    world: World, body: object, field: str
) -> None:
    answer = await world.post("/devices", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}" in answer.json()["message"]
    assert not world.registry.tenants[APP_ID].devices


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"platform": "A"}, "platform"),
        ({"deviceId": "other"}, "deviceId"),
        ({"token": ""}, "token"),
        ({"userId": "u" * 255}, "userId"),
    ],
)
async def test_a_put_cannot_change_what_a_device_is(
    world: World, body: dict[str, str], field: str
) -> None:
    await world.register()

    answer = await world.call("PUT", "/devices/phone", json=body)

    assert answer.status_code == 400
    assert f"'{field}'" in answer.json()["message"]


async def test_a_limit_is_told_in_numbers(world: World) -> None:
    answer = await world.post("/devices", PHONE | {"userId": "u" * 300})

    assert answer.json()["message"] == (
        "The parameter 'userId' must be 0 to 254 characters, not 300."
    )


async def test_devices_that_come_at_once_share_calls_and_each_has_its_own_answer(
    world: World,
) -> None:
    names = [f"phone-{number}" for number in range(100)]
    bodies = [PHONE | {"deviceId": name} for name in names]
    bodies[13] |= {"userId": "u" * 255}
    made = await asyncio.gather(*(world.post("/devices", body) for body in bodies))
    read = await asyncio.gather(*(world.call("GET", f"/devices/{name}") for name in names))
    calls = world.registry.calls

    assert made.pop(13).json()["message"].startswith("The parameter 'userId' must be")
    assert read.pop(13).status_code == 404
    assert [answer.status_code for answer in (*made, *read)] == [201] * 99 + [200] * 99
    assert [answer.json() for answer in made] == [answer.json() for answer in read]
    assert calls.count("BatchRegisterDevices") + calls.count("BatchFindDevices") < 20


async def test_long_registrations_at_once_fit_into_their_calls(world: World) -> None:
    """400 of the longest would be too large for one message."""
    variables = {f"name {number}": "v" * 1024 for number in range(50)}
    bodies = [
        PHONE | {"deviceId": f"phone-{number}", "token": "t" * 4096, "variables": variables}
        for number in range(120)
    ]
    made = await asyncio.gather(*(world.post("/devices", body) for body in bodies))

    assert {answer.status_code for answer in made} == {201}
