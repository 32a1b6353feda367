"""How does an app owner configure gateways, and what of it do clients see?"""

import base64
from typing import Any

import pytest

from carillon.registry.v1.gateway_pb2 import GatewayKind
from tests.edge.conftest import APP_ID, PUBLIC, World
from tests.edge.rooms.registry import VAPID_POINT

KEY = b"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"
APNS = {"keyId": "ABCDE12345", "teamId": "TEAM567890", "bundleId": "com.acme.bank"}
ACCOUNT = {"type": "service_account", "project_id": "acme"}
FCM = {"apiKey": "legacy", "senderId": "123"}
SITE = "https://acme.example"


async def put_apns(world: World, form: dict[str, str], key: bytes = KEY) -> Any:
    return await world.call(
        "PUT", "/settings/apnsConf", data=form, files={"certificate": ("x.p12", key)}
    )


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("gcmConf", FCM, FCM),
        (
            "gcmConf",
            {"senderId": "123", "serviceAccount": ACCOUNT},
            {"apiKey": "", "senderId": "123"},
        ),
        (
            "gcmConf",
            {"senderId": "123", "apiKey": "", "serviceAccount": "{}"},
            {"apiKey": "", "senderId": "123"},
        ),
        ("chromeWebConf", {"apiKey": "", "webSiteUrl": SITE}, {"apiKey": "", "webSiteUrl": SITE}),
        ("firefoxWebConf", {"webSiteUrl": SITE}, {"webSiteUrl": SITE}),
    ],
)
async def test_a_configuration_is_put_read_listed_and_deleted(
    world: World, name: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    path = f"/settings/{name}"

    put = await world.call("PUT", path, json=body)
    read = await world.call("GET", path)
    listed = await world.call("GET", "/settings")
    deleted = await world.call("DELETE", path)
    gone = await world.call("GET", path)
    again = await world.call("DELETE", path)

    assert [a.status_code for a in (put, read, listed, deleted, gone, again)] == [
        200,
        200,
        200,
        204,
        404,
        404,
    ]
    assert put.json() == read.json() == expected
    assert listed.json() == {name: f"{PUBLIC}/imfpush/v1/apps/{APP_ID}/settings/{name}"}
    assert gone.json()["code"] == again.json()["code"] == "FPWSE0003E"


async def test_a_service_account_reaches_registry_as_text(world: World) -> None:
    await world.call("PUT", "/settings/gcmConf", json={"senderId": "1", "serviceAccount": ACCOUNT})

    stored = world.registry.tenants[APP_ID].gateways[GatewayKind.GATEWAY_KIND_FCM]
    assert stored.fcm.service_account == '{"type":"service_account","project_id":"acme"}'


@pytest.mark.parametrize("flag", ["true", "TRUE", "false", "", None])
async def test_an_apns_key_is_taken_whatever_its_file_is_called(
    world: World, flag: str | None
) -> None:
    form = APNS if flag is None else APNS | {"isSandBox": flag}

    put = await put_apns(world, form)
    read = await world.call("GET", "/settings/apnsConf")

    assert put.status_code == 200
    expected = APNS | {"certificate": "x.p12", "isSandBox": (flag or "").lower() == "true"}
    assert put.json() == read.json() == expected


async def test_the_names_of_the_successor_service_are_understood(world: World) -> None:
    form = {"key_id": "ABCDE12345", "team_id": "TEAM567890", "bundle_id": "com.acme.bank"}

    assert (await put_apns(world, form)).json()["keyId"] == "ABCDE12345"


@pytest.mark.parametrize(
    ("form", "key", "field"),
    [
        (APNS, b"\x30\x82\x0a\x0bbinary p12", "certificate"),
        (APNS, b"", "certificate"),
        (APNS, KEY + b"\xff", "certificate"),
        (APNS, KEY + b"\x00", "certificate"),
        (APNS | {"keyId": ""}, KEY, "keyId"),
        (APNS | {"keyId": "short"}, KEY, "keyId"),
        (APNS | {"bundleId": "a\0"}, KEY, "bundleId"),
        (APNS | {"isSandBox": "perhaps"}, KEY, "isSandBox"),
        ({k: v for k, v in APNS.items() if k != "teamId"}, KEY, "teamId"),
    ],
)
async def test_a_wrong_apns_form_is_named(
    world: World, form: dict[str, str], key: bytes, field: str
) -> None:
    answer = await put_apns(world, form, key)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


async def test_a_p12_is_told_that_p8_is_accepted(world: World) -> None:
    answer = await put_apns(world, APNS, b"\x30\x82\x0a\x0b")

    assert ".p8" in answer.json()["message"]


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken", 400),
        ("multipart/form-data; boundary=x", b"garbage", 400),
        ("multipart/form-data; boundary=x; charset=none", b"--x--\r\n", 400),
    ],
)
async def test_what_is_no_form_is_refused(
    world: World, content_type: str, content: bytes, status: int
) -> None:
    headers = world.back_end | {"Content-Type": content_type}

    answer = await world.call("PUT", "/settings/apnsConf", headers=headers, content=content)

    assert answer.status_code == status
    assert set(answer.json()) == {"message", "code"}


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("gcmConf", {"apiKey": "k"}, "senderId"),
        ("gcmConf", {"apiKey": "k", "senderId": 123}, "senderId"),
        ("gcmConf", {"senderId": "1"}, "serviceAccount"),
        ("gcmConf", {"senderId": "1", "serviceAccount": 5}, "serviceAccount"),
        ("chromeWebConf", {"webSiteUrl": SITE}, "apiKey"),
        ("chromeWebConf", {"apiKey": "k"}, "webSiteUrl"),
        ("firefoxWebConf", {}, "webSiteUrl"),
        ("firefoxWebConf", {"webSiteUrl": "acme"}, "webSiteUrl"),
    ],
)
async def test_a_wrong_field_is_named(
    world: World, name: str, body: dict[str, Any], field: str
) -> None:
    answer = await world.call("PUT", f"/settings/{name}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


async def test_clients_read_the_sender_id_as_a_string(world: World) -> None:
    before = await world.call("GET", "/settings/gcmConfPublic", headers=world.client)
    await world.call("PUT", "/settings/gcmConf", json=FCM)
    after = await world.call("GET", "/settings/gcmConfPublic", headers=world.client)

    assert (before.status_code, before.json()["code"]) == (404, "FPWSE0003E")
    assert (after.status_code, after.json()) == (200, {"senderId": "123"})


async def test_the_server_key_is_the_point_in_base64url(world: World) -> None:
    answer = await world.call("GET", "/settings/webpushServerKey", headers=world.client)

    text = answer.json()["webpushServerKey"]
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == VAPID_POINT
    assert "=" not in text


@pytest.mark.parametrize("name", ["safariWebConf", "chromeAppExtConf", "wnsConf"])
async def test_what_is_not_served_is_404(world: World, name: str) -> None:
    answer = await world.call("GET", f"/settings/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
