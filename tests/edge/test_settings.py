"""How does an app owner configure gateways, and what of it do clients see?"""

import base64
import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from carillon.registry.v1.gateway_pb2 import GatewayKind, GatewayState
from tests.edge.conftest import APP_ID, PUBLIC, World
from tests.edge.rooms.gateways import VAPID_POINT

KEY = b"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"
APNS = {"keyId": "ABCDE12345", "teamId": "TEAM567890", "bundleId": "com.acme.bank"}
ACCOUNT = {"type": "service_account", "project_id": "acme"}
FCM = {"apiKey": "legacy", "senderId": "123"}
SITE = "https://acme.example"
P12 = b"p12:secret"
PNG = b"\x89PNG\r\n\x1a\n"
SAFARI = {
    "password": "secret",
    "websiteName": "ACME",
    "urlFormatString": "https://acme.example/%@",
    "websitePushID": "web.com.acme",
    "webSiteUrl": SITE,
}


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
        ("chromeAppExtConf", FCM, FCM),
        ("chromeAppExtConf", {"senderId": "123"}, {"apiKey": "", "senderId": "123"}),
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
    assert put.json() == read.json()
    assert expected.items() <= put.json().items()
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
    assert put.json() == read.json() == expected | {"state": "VERIFIED"}


async def test_the_names_of_the_successor_service_are_understood(world: World) -> None:
    form = {"key_id": "ABCDE12345", "team_id": "TEAM567890", "bundle_id": "com.acme.bank"}

    assert (await put_apns(world, form)).json()["keyId"] == "ABCDE12345"


async def test_a_certificate_is_taken_whatever_its_file_is_called(world: World) -> None:
    form = {"password": "secret", "isSandBox": "false"}

    put = await put_apns(world, form, P12)
    read = await world.call("GET", "/settings/apnsConf")

    assert put.status_code == 200, put.text
    assert put.json() == read.json()
    assert put.json() == {
        "certificate": "x.p12",
        "isSandBox": False,
        "validUntil": "2027-11-02T12:00:00.000Z",
        "state": "VERIFIED",
    }


@pytest.mark.parametrize(
    ("form", "key", "field"),
    [
        (APNS, b"\x30\x82\x0a\x0bbinary p12", "certificate"),
        (APNS, b"", "certificate"),
        (APNS, KEY + b"\xff", "certificate"),
        (APNS, KEY + b"\x00", "certificate"),
        (APNS, P12, "password"),
        ({"password": "a\0"}, P12, "password"),
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


async def test_what_the_gateway_refuses_is_refused_and_the_old_one_stays(world: World) -> None:
    await put_apns(world, APNS)
    answer = await put_apns(world, APNS | {"teamId": "WRONGTEAM0"})
    left = await world.call("GET", "/settings/apnsConf")

    assert answer.status_code == 400
    assert "'certificate' was refused by the gateway" in answer.json()["message"]
    assert left.json()["teamId"] == APNS["teamId"]


async def test_without_an_answer_of_dispatch_it_is_kept_unverified(world: World) -> None:
    world.dispatch.failures["VerifyCredential"] = RuntimeError("a bug of dispatch")

    answer = await put_apns(world, APNS)

    assert (answer.status_code, answer.json()["state"]) == (200, "UNVERIFIED")


async def put_safari(world: World, files: dict[str, bytes], **changed: str | None) -> Any:
    form = {name: value for name, value in {**SAFARI, **changed}.items() if value is not None}
    sent = {name: (f"{name}.p12", content) for name, content in files.items()}
    return await world.call("PUT", "/settings/safariWebConf", data=form, files=sent)


async def test_a_website_is_configured_with_icons_or_without(world: World) -> None:
    icons = {"icon_16x16": PNG, "icon_128x128@2x": PNG}

    plain = await put_safari(world, {"certificate": P12})
    rich = await put_safari(world, {"certificate": P12, **icons})
    read = await world.call("GET", "/settings/safariWebConf")

    assert (plain.status_code, rich.status_code) == (200, 200), plain.text
    shown = {name: value for name, value in SAFARI.items() if name != "password"}
    assert plain.json() == rich.json() == read.json()
    assert read.json() == shown | {
        "certificate": "certificate.p12",
        "validUntil": "2027-11-02T12:00:00.000Z",
        "state": "VERIFIED",
    }
    stored = world.registry.tenants[APP_ID].gateways[GatewayKind.GATEWAY_KIND_WEB_SAFARI]
    assert dict(stored.safari.icons) == icons


@pytest.mark.parametrize(
    ("files", "changed", "field"),
    [
        ({}, {}, "certificate"),
        ({"certificate": KEY}, {}, "certificate"),
        ({"certificate": b"no p12"}, {}, "certificate"),
        ({"certificate": P12}, {"password": "wrong"}, "password"),
        ({"certificate": P12}, {"password": None}, "password"),
        ({"certificate": P12}, {"websiteName": None}, "websiteName"),
        ({"certificate": P12}, {"urlFormatString": None}, "urlFormatString"),
        ({"certificate": P12}, {"websitePushID": None}, "websitePushID"),
        ({"certificate": P12}, {"websitePushID": "com.acme"}, "websitePushID"),
        ({"certificate": P12}, {"webSiteUrl": " "}, "webSiteUrl"),
        ({"certificate": P12, "icon_32x32@2x": b"GIF89a"}, {}, "icon_32x32@2x"),
    ],
)
async def test_a_wrong_website_is_named(
    world: World, files: dict[str, bytes], changed: dict[str, str | None], field: str
) -> None:
    answer = await put_safari(world, {"other": b"x", **files}, **changed)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


async def test_a_form_may_be_gzipped(world: World) -> None:
    request = httpx.Request("PUT", "http://edge", data=APNS, files={"certificate": ("x", KEY)})
    headers = {
        **world.back_end,
        "Content-Type": request.headers["content-type"],
        "Content-Encoding": "gzip",
    }

    answer = await world.call(
        "PUT", "/settings/apnsConf", headers=headers, content=gzip.compress(request.read())
    )

    assert answer.status_code == 200, answer.text


async def test_a_form_has_the_limit_of_every_body(world: World) -> None:
    answer = await put_safari(world, {"certificate": P12, "icon_16x16": PNG * 200_000})

    assert answer.status_code == 413


async def test_a_service_account_may_be_uploaded_as_a_file(world: World) -> None:
    answer = await world.call(
        "PUT",
        "/settings/gcmConf",
        data={"senderId": "123"},
        files={"serviceAccount": ("x.p12", b'{"type": "service_account"}')},
    )
    stored = world.registry.tenants[APP_ID].gateways[GatewayKind.GATEWAY_KIND_FCM]

    assert answer.json() == {"apiKey": "", "senderId": "123", "state": "VERIFIED"}
    assert stored.fcm.service_account == '{"type": "service_account"}'


async def test_a_legacy_key_alone_is_said_to_need_a_service_account(world: World) -> None:
    answer = await world.call("PUT", "/settings/gcmConf", json=FCM)

    assert answer.json()["state"] == "INCOMPLETE"
    assert "serviceAccount" in answer.json()["warning"]


@pytest.mark.parametrize(
    ("days", "warning"),
    [(31, None), (29, "expires in"), (0, "has expired"), (-3, "has expired")],
)
async def test_the_end_of_a_certificate_is_warned_of(
    world: World, days: int, warning: str | None
) -> None:
    await put_apns(world, {"password": "secret"}, P12)
    stored = world.registry.tenants[APP_ID].gateways[GatewayKind.GATEWAY_KIND_APNS]
    stored.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=days))

    said = (await world.call("GET", "/settings/apnsConf")).json().get("warning")

    assert (said is None) == (warning is None)
    assert (warning or "") in (said or "")


async def test_a_gateways_refusal_is_shown_with_its_word(world: World) -> None:
    await put_apns(world, APNS)
    stored = world.registry.tenants[APP_ID].gateways[GatewayKind.GATEWAY_KIND_APNS]
    stored.state = GatewayState.GATEWAY_STATE_MISCONFIGURED
    stored.state_reason = "InvalidProviderToken"

    shown = (await world.call("GET", "/settings/apnsConf")).json()

    assert (shown["state"], shown["stateReason"]) == ("MISCONFIGURED", "InvalidProviderToken")
    assert "wait until" in shown["warning"]


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
        ("chromeAppExtConf", {"apiKey": "k"}, "senderId"),
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


@pytest.mark.parametrize("name", ["gcmConf", "chromeAppExtConf"])
async def test_clients_read_the_sender_id_as_a_string(world: World, name: str) -> None:
    before = await world.call("GET", f"/settings/{name}Public", headers=world.client)
    await world.call("PUT", f"/settings/{name}", json=FCM)
    after = await world.call("GET", f"/settings/{name}Public", headers=world.client)

    assert (before.status_code, before.json()["code"]) == (404, "FPWSE0003E")
    assert (after.status_code, after.json()) == (200, {"senderId": "123"})


async def test_the_server_key_is_the_point_in_base64url(world: World) -> None:
    answer = await world.call("GET", "/settings/webpushServerKey", headers=world.client)

    text = answer.json()["webpushServerKey"]
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == VAPID_POINT
    assert "=" not in text


@pytest.mark.parametrize("name", ["wnsConf", "smsConf"])
async def test_what_is_not_served_is_404(world: World, name: str) -> None:
    answer = await world.call("GET", f"/settings/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
