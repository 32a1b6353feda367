"""Do the gateways take what an owner configures, and is it in use without a restart?"""

import base64
import json
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.house.app import App, Device
from tests.house.conftest import World
from tests.house.marks import HOUSE
from tests.house.waiting import until
from tests.registry import keys

pytestmark = HOUSE


@pytest_asyncio.fixture(loop_scope="session")
async def given(world: World) -> dict[str, Any]:
    """What the sandbox hands out to configure an app with."""
    answer: dict[str, Any] = (await world.sandbox.client.get("/api/credentials")).json()
    return answer


async def put_certificate(app: App, given: dict[str, Any], **changed: str) -> httpx.Response:
    file = base64.b64decode(given["certificate"])
    form = {"password": given["password"], "isSandBox": "true", **changed}
    return await app.ask("PUT", "/settings/apnsConf", data=form, files={"certificate": ("x", file)})


async def arrived_under(app: App, phone: Device, sign: Any) -> dict[str, Any]:
    """Send until a notification arrives that bears the sign; the credential may be a new one."""

    async def send() -> dict[str, Any]:
        await app.ended(await app.send("Paid", target={"deviceIds": [phone.device_id]}))
        return (await app.sandbox.arrivals(phone.token))[-1]

    return await until(send, sign, limit=10)


async def test_all_six_platforms_are_configured_and_taken_by_their_gateways(app: App) -> None:
    listed = await app.read("/settings")
    states = {name: (await app.read(f"/settings/{name}"))["state"] for name in listed}

    assert len(states) == 6
    assert set(states.values()) == {"VERIFIED"}


async def test_a_certificate_takes_the_place_of_a_key_without_a_restart(
    app: App, given: dict[str, Any]
) -> None:
    phone = await app.register("A")
    await arrived_under(app, phone, lambda arrival: arrival["status"] == 200)
    put = await put_certificate(app, given["apnsCertificate"])
    other = keys.p256().encode()
    ids = {"keyId": "OTHERKEY00", "teamId": "OTHERTEAM0", "bundleId": "com.other.app"}

    under_certificate = await arrived_under(app, phone, lambda arrival: arrival["status"] == 200)
    key = await app.ask(
        "PUT", "/settings/apnsConf", data=ids, files={"certificate": ("x.p12", other)}
    )
    under_key = await arrived_under(
        app, phone, lambda arrival: arrival["headers"]["apns-topic"] == "com.other.app"
    )

    assert (put.status_code, key.status_code) == (200, 200), put.text
    assert put.json()["state"] == key.json()["state"] == "VERIFIED"
    assert under_certificate["headers"]["apns-topic"] == given["apnsCertificate"]["bundleId"]
    assert under_key["status"] == 200


async def test_safari_and_an_extension_are_reached(app: App, given: dict[str, Any]) -> None:
    safari = Device("safari", "WEB_SAFARI", await app.sandbox.fresh("A"))
    extension = Device("extension", "APPEXT_CHROME", await app.sandbox.fresh("G"))
    for device in (safari, extension):
        await app.vouch(device)

    message_id = await app.send("Paid")
    in_safari = await app.sandbox.arrived(safari.token)
    in_extension = await app.sandbox.arrived(extension.token)

    assert await app.ended(message_id) == "DISPATCHED"
    assert in_safari["headers"]["apns-topic"] == given["safari"]["websitePushID"]
    assert in_extension["gateway"] == "fcm"


async def test_what_the_gateway_refuses_is_not_kept(app: App, given: dict[str, Any]) -> None:
    account = {**given["fcm"]["serviceAccount"], "private_key": keys.rsa_key()}
    before = await app.read("/settings/gcmConf")
    refused = await app.ask(
        "PUT", "/settings/gcmConf", {"senderId": "999", "serviceAccount": account}
    )

    assert (refused.status_code, refused.json()["code"]) == (400, "FPWSE0005E")
    assert "'serviceAccount' was refused by the gateway" in refused.json()["message"]
    assert await app.read("/settings/gcmConf") == before


async def test_a_gateway_that_cannot_be_reached_refuses_nothing(app: App) -> None:
    account = json.loads(keys.service_account(token_uri="https://localhost:9/token"))

    put = await app.ask("PUT", "/settings/gcmConf", {"senderId": "1", "serviceAccount": account})

    assert (put.status_code, put.json()["state"]) == (200, "UNVERIFIED")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/token",
        "https://192.168.1.1/token",
        "https://169.254.169.254/token",
        "https://[fd00::1]/token",
        "http://oauth2.googleapis.com/token",
    ],
)
async def test_a_token_uri_that_leads_into_the_house_is_refused(app: App, url: str) -> None:
    account = json.loads(keys.service_account(token_uri=url))
    put = await app.ask("PUT", "/settings/gcmConf", {"senderId": "1", "serviceAccount": account})

    assert put.status_code == 400, put.text
    assert "token_uri" in put.json()["message"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": "wrong"}, "password"),
        ({"bundleId": "com.acme.shop"}, "bundleId"),
        ({"isSandBox": "perhaps"}, "isSandBox"),
    ],
)
async def test_a_bad_certificate_is_refused_by_field(
    app: App, given: dict[str, Any], changed: dict[str, str], field: str
) -> None:
    answer = await put_certificate(app, given["apnsCertificate"], **changed)

    assert answer.status_code == 400
    assert f"'{field}'" in answer.json()["message"]
