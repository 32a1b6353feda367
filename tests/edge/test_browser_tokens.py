"""Is a browser's subscription refused when it registers, if nothing could ever be sent with it?"""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from services.edge.settings import Settings
from tests.edge.conftest import PHONE, World

PUBLIC_HOST = "93.184.216.34"
SUBSCRIPTION = {
    "endpoint": f"https://{PUBLIC_HOST}/push/1",
    "userPublicKey": base64.b64encode(b"\4" + bytes(range(64))).decode(),
    "userAuth": base64.b64encode(bytes(16)).decode(),
}


def browser(platform: str = "WEB_CHROME", **changes: Any) -> dict[str, str]:
    subscription = {name: text for name, text in (SUBSCRIPTION | changes).items() if text}
    return PHONE | {"platform": platform, "token": json.dumps(subscription)}


@pytest.mark.parametrize("platform", ["WEB_CHROME", "web_firefox", "WEB_SAFARI"])
async def test_a_subscription_to_the_public_internet_is_kept(world: World, platform: str) -> None:
    assert (await world.post("/devices", browser(platform))).status_code == 201


async def test_keys_come_in_either_alphabet_padded_or_not(world: World) -> None:
    point = base64.urlsafe_b64encode(b"\4" + b"\xfb" * 64).rstrip(b"=").decode()

    assert (await world.post("/devices", browser(userPublicKey=point))).status_code == 201


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://93.184.216.34/push",
        "https://127.0.0.1/push",
        "https://127.1/push",
        "https://2130706433/push",
        "https://localhost/push",
        "https://10.0.0.1/push",
        "https://169.254.169.254/latest",
        "https://[::1]/push",
        "https://[::ffff:169.254.169.254]/push",
        "https://user@93.184.216.34/push",
        "ftp://93.184.216.34/push",
        "https://",
        "push",
    ],
)
async def test_an_endpoint_that_leads_inside_is_refused(world: World, endpoint: str) -> None:
    answer = await world.post("/devices", browser(endpoint=endpoint))
    read = await world.call("GET", "/devices/phone")

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert "'token.endpoint'" in answer.json()["message"]
    assert "push" not in answer.json()["message"]
    assert read.status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"userPublicKey": base64.b64encode(b"\4" * 64).decode()}, "token.userPublicKey"),
        ({"userPublicKey": base64.b64encode(b"\3" + bytes(64)).decode()}, "token.userPublicKey"),
        ({"userPublicKey": "é" * 88}, "token.userPublicKey"),
        ({"userAuth": base64.b64encode(bytes(15)).decode()}, "token.userAuth"),
        ({"userAuth": "no base64!"}, "token.userAuth"),
        ({"userAuth": ""}, "token"),
        ({"endpoint": 5}, "token"),
    ],
)
async def test_keys_of_another_form_are_refused(
    world: World, changes: dict[str, Any], field: str
) -> None:
    answer = await world.post("/devices", browser(**changes))

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


@pytest.mark.parametrize("token", ["fcm-token", "{", "[]", "null", "[" * 5000])
async def test_a_browser_token_that_is_no_subscription_is_refused(world: World, token: str) -> None:
    answer = await world.post("/devices", PHONE | {"platform": "WEB_FIREFOX", "token": token})

    assert answer.status_code == 400
    assert "'token'" in answer.json()["message"]


async def test_an_old_token_of_safari_is_kept(world: World) -> None:
    answer = await world.post("/devices", PHONE | {"platform": "WEB_SAFARI", "token": "0F" * 32})

    assert answer.status_code == 201


@pytest.mark.parametrize("platform", [{}, {"platform": "WEB_CHROME"}])
async def test_an_update_is_judged_too(world: World, platform: dict[str, str]) -> None:
    await world.post("/devices", browser())
    inside = browser(endpoint="https://127.0.0.1/")["token"]

    answer = await world.call("PUT", "/devices/phone", json=platform | {"token": inside})

    assert answer.status_code == 400


async def test_an_update_without_a_platform_is_judged_by_the_one_on_record(world: World) -> None:
    """What was believed before: that a token which is no JSON belongs to no browser."""
    await world.post("/devices", browser())
    await world.register(deviceId="android")
    update = {"token": "no subscription"}

    refused = await world.call("PUT", "/devices/phone", json=update)
    absent = await world.call("PUT", "/devices/nobody", json=update)
    kept = await world.call("PUT", "/devices/android", json=update)

    assert (refused.status_code, absent.status_code, kept.status_code) == (400, 404, 200)


class TestWhereTheDeploymentOpensHosts:
    @pytest.fixture
    async def edge_settings(self, edge_settings: Settings) -> Settings:
        return replace(edge_settings, egress_allow=("127.0.0.0/8", "localhost"))

    @pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8443/push", "https://localhost/push"])
    async def test_they_are_let_through(self, world: World, endpoint: str) -> None:
        assert (await world.post("/devices", browser(endpoint=endpoint))).status_code == 201
