"""Is what sloppy clients send taken as it was meant?"""

from typing import Any

import pytest

from tests.edge.conftest import PHONE, World

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset = UTF-8"},
        {"Content-type": "application/json;charset=utf8"},
        {"content-type": 'application/json; charset="UTF-8'},
        {"CONTENT-TYPE": "APPLICATION/JSON ;;; charset ==", "ACCEPT": "*/*"},
        {"Content-Type": "text/plain;charset=UTF-8"},
        JSON | {"Accept": "text/html"},
        JSON | {"Accept": ""},
        JSON | {"Accept": "nonsense"},
        JSON | {"Application-Mode": "SANDBOX"},
        JSON | {"X-REWRITE-DOMAIN": ""},
        JSON | {"x-mfp-analytics-metadata": "{"},
        JSON | {"Authorization": "Bearer of-another-service"},
        JSON | {"Authorization": "nonsense"},
        JSON | {"Authorization": ""},
        JSON | {"Accept-Language": ";;q=,"},
    ],
)
async def test_headers_that_sdks_send(world: World, headers: dict[str, str]) -> None:
    answer = await world.post("/devices", PHONE, headers=world.client | headers)

    assert answer.status_code == 201


@pytest.mark.parametrize("name", ["clientsecret", "CLIENTSECRET", "ClientSecret"])
async def test_a_secrets_name_in_any_case(world: World, name: str) -> None:
    answer = await world.call("GET", "/tags", headers={name: world.client["clientSecret"]})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/devices?expand=False&userId=&tagName=&filter=&offset=&size=",
        "/devices/?expand=true",
        "/tags?expand=&filter=&subscriptionCount=",
        "/tags/?size=1",
        "/tags?subscriptionCount=True",
        "/subscriptions?deviceId=&userId=&tagName=&filter=&expand=False",
        "/subscriptions/?deviceId=phone",
        "/messages?size=&offset=&expand=False",
        "/messages/?expand=False",
        "/messages?nobody-knows-this=1",
        "/settings/",
    ],
)
async def test_queries_with_nothing_in_them(world: World, path: str) -> None:
    await world.register()

    assert (await world.call("GET", path)).status_code == 200


async def test_an_id_that_ends_in_an_encoded_slash_keeps_it(world: World) -> None:
    await world.register(deviceId="phone/")

    whole = await world.call("GET", "/devices/phone%2F")
    other = await world.call("GET", "/devices/phone/")

    assert (whole.status_code, other.status_code) == (200, 404)


@pytest.mark.parametrize("platform", ["g", "G", "web_chrome", "Web_Firefox", "AppExt_Chrome", "a"])
async def test_a_platform_in_any_case(world: World, platform: str) -> None:
    token = (
        '{"endpoint":"https://93.184.216.34/x","userPublicKey":"B'
        + "A" * 86
        + '=","userAuth":"AAAAAAAAAAAAAAAAAAAAAA=="}'
        if platform.lower().startswith("web")
        else "0f" * 32
    )
    answer = await world.post("/devices", PHONE | {"platform": platform, "token": token})

    assert answer.status_code == 201, answer.text
    assert answer.json()["platform"] == platform.upper()


@pytest.mark.parametrize("status", ["seen", "Seen", "SEEN"])
async def test_a_status_in_any_case(world: World, status: str) -> None:
    await world.register()
    message_id = await world.send()

    answer = await world.call(
        "PUT",
        f"/messages/{message_id}",
        json={"deviceId": "phone", "status": status},
        headers=world.client,
    )

    assert answer.json()["status"] == "SEEN"


@pytest.mark.parametrize(
    "settings",
    [
        {"gcm": {"timeToLive": "60", "delayWhileIdle": "true", "sync": "False"}},
        {"gcm": {"timeToLive": 60.0, "delayWhileIdle": 1, "sync": None}},
        {"apns": {"badge": "7", "sound": None, "type": "silent"}},
        {"apns": None, "gcm": None, "chromeWeb": None},
        {"gcm": {"priority": "High", "visibility": "Private", "lights": {"ledArgb": "Magneta"}}},
        {"gcm": {"lights": {"ledArgb": "GREEN", "ledOnMs": "5", "ledOffMs": 5}}},
        {"nobodyKnows": {"this": [1]}, "gcm": {"norThis": {}}},
        {},
        None,
    ],
)
async def test_settings_as_sdks_write_them(world: World, settings: Any) -> None:
    body = {"message": {"alert": "Hello"}, "settings": settings, "target": None}

    assert (await world.post("/messages", body)).status_code == 202


async def test_of_a_name_twice_the_last_counts(world: World) -> None:
    content = b'{"deviceId": "x", "token": "t", "platform": "A", "deviceId": "y", "platform": "G"}'

    answer = await world.call("POST", "/devices", content=content, headers=world.client | JSON)

    assert answer.status_code == 201
    assert (answer.json()["deviceId"], answer.json()["platform"]) == ("y", "G")
