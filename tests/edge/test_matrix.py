"""Does every endpoint admit exactly whom the contract names, and nobody else?

The table is written by hand, from the contract; a route that it does not name fails.
"""

import re
from dataclasses import dataclass

import pytest

from services.edge.routes.identity import API_KEY_GRANT
from tests.edge.conftest import APP_ID, APPS, OPERATOR, World

PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
OTHER = "99999999-8888-4777-8666-555555555555"
UNAUTHENTICATED = 401

# C clientSecret, A appSecret, R W M the token of a Reader, Writer, Manager, O the operator's key.
READ, WRITE, MANAGE = "ARWM", "AWM", "AM"
ROWS = {
    # The operator's.
    ("POST", ""): "O",
    ("GET", ""): "O",
    ("GET", "/{app_id}"): "O",
    ("PUT", "/{app_id}"): "O",
    ("DELETE", "/{app_id}"): "O",
    ("GET", "/{app_id}/status"): "O",
    ("GET", "/{app_id}/quarantine"): "O",
    ("POST", "/{app_id}/quarantine/restore"): "O",
    ("GET", "/{app_id}/circuits"): "O",
    ("GET", "/{app_id}/settings/weight"): "O",
    ("PUT", "/{app_id}/settings/weight"): "O",
    ("POST", "/{app_id}/fuses/{platform}"): "O",
    # Secrets and API keys.
    ("POST", "/{app_id}/apiKeys"): MANAGE + "O",
    ("GET", "/{app_id}/apiKeys"): MANAGE + "O",
    ("DELETE", "/{app_id}/apiKeys/{key_id}"): MANAGE + "O",
    ("POST", "/{app_id}/secrets/{name}"): "AO",
    # Settings.
    ("GET", "/{app_id}/settings"): READ,
    ("GET", "/{app_id}/settings/verifyClientSecret"): READ,
    ("PUT", "/{app_id}/settings/verifyClientSecret"): MANAGE + "O",
    ("GET", "/{app_id}/settings/webSitesOnly"): READ,
    ("PUT", "/{app_id}/settings/webSitesOnly"): MANAGE,
    **{
        (method, f"/{{app_id}}/settings/{name}"): READ if method == "GET" else MANAGE
        for name in (
            "apnsConf",
            "gcmConf",
            "chromeAppExtConf",
            "chromeWebConf",
            "firefoxWebConf",
            "safariWebConf",
        )
        for method in ("GET", "PUT", "DELETE")
    },
    ("GET", "/{app_id}/settings/gcmConfPublic"): "C" + READ,
    ("GET", "/{app_id}/settings/chromeAppExtConfPublic"): "C" + READ,
    ("GET", "/{app_id}/settings/webpushServerKey"): "C" + READ,
    # Devices.
    ("POST", "/{app_id}/devices"): "C" + WRITE,
    ("GET", "/{app_id}/devices"): READ,
    ("GET", "/{app_id}/devices/report"): READ,
    ("GET", "/{app_id}/devices/{device_id}"): "C" + READ,
    ("PUT", "/{app_id}/devices/{device_id}"): "C" + WRITE,
    ("DELETE", "/{app_id}/devices/{device_id}"): "C" + MANAGE,
    # Tags and subscriptions.
    ("GET", "/{app_id}/tags"): "C" + READ,
    ("POST", "/{app_id}/tags"): WRITE,
    ("GET", "/{app_id}/tags/{tag_name}"): "C" + READ,
    ("PUT", "/{app_id}/tags/{tag_name}"): WRITE,
    ("DELETE", "/{app_id}/tags/{tag_name}"): MANAGE,
    ("POST", "/{app_id}/subscriptions"): "C" + WRITE,
    ("GET", "/{app_id}/subscriptions"): "C" + READ,
    ("DELETE", "/{app_id}/subscriptions"): "C" + MANAGE,
    ("GET", "/{app_id}/subscriptions/{subscription_id}"): "C" + READ,
    ("DELETE", "/{app_id}/subscriptions/{subscription_id}"): "C" + MANAGE,
    # Messages.
    ("POST", "/{app_id}/messages"): WRITE,
    ("GET", "/{app_id}/messages"): READ,
    ("POST", "/{app_id}/messages/bulk"): WRITE,
    ("GET", "/{app_id}/messages/report"): READ,
    ("GET", "/{app_id}/messages/{message_id}"): "C" + READ,
    ("PUT", "/{app_id}/messages/{message_id}"): "C" + WRITE,
    ("DELETE", "/{app_id}/messages/{message_id}"): MANAGE,
    ("GET", "/{app_id}/messages/{message_id}/status"): READ,
    ("PUT", "/{app_id}/messages/{message_id}/status"): WRITE,
    ("GET", "/{app_id}/messages/{message_id}/report"): READ,
    ("GET", "/{app_id}/messages/{message_id}/deliverystatus"): READ,
    ("PUT", "/{app_id}/messages/{message_id}/deliverystatus"): "C" + WRITE,
    # Webhooks.
    ("GET", "/{app_id}/webhooks"): READ,
    ("POST", "/{app_id}/webhooks"): WRITE,
    ("GET", "/{app_id}/webhooks/{name}"): READ,
    ("PUT", "/{app_id}/webhooks/{name}"): WRITE,
    ("DELETE", "/{app_id}/webhooks/{name}"): MANAGE,
    ("POST", "/{app_id}/webhooks/{name}/secret"): MANAGE,
    ("GET", "/{app_id}/webhooks/{name}/deadLetters"): READ,
    ("POST", "/{app_id}/webhooks/{name}/deadLetters/replay"): WRITE,
    # Channels.
    **{
        row: admitted
        for path, name in (("channels", "channel_id"), ("channelGroups", "group_id"))
        for row, admitted in {
            ("GET", f"/{{app_id}}/{path}"): READ,
            ("POST", f"/{{app_id}}/{path}"): WRITE,
            ("GET", f"/{{app_id}}/{path}/{{{name}}}"): READ,
            ("PUT", f"/{{app_id}}/{path}/{{{name}}}"): WRITE,
            ("DELETE", f"/{{app_id}}/{path}/{{{name}}}"): MANAGE,
        }.items()
    },
}
# What asks nothing of its caller.
OPEN = {
    ("POST", "/identity/token"),
    ("GET", "/imfpush/"),
    ("GET", "/imfpush/openapi.json"),
    ("GET", "/imfpush/openapi.yaml"),
    ("GET", "/imfpush/v1/health/status"),
    # Apple's protocol: a browser that registers shows the token of its push package.
    *(
        (method, f"{APPS}/{{app_id}}/settings/safariWebConf/{{version}}/{path}")
        for method, path in (
            ("POST", "pushPackages/{website_push_id}"),
            ("POST", "devices/{device_token}/registrations/{website_push_id}"),
            ("DELETE", "devices/{device_token}/registrations/{website_push_id}"),
            ("POST", "log"),
        )
    ),
}


@dataclass
class Callers:
    """Whoever may be admitted, by letter, and whoever may not."""

    world: World
    right: dict[str, dict[str, str]]
    wrong: dict[str, dict[str, str]]

    async def is_admitted(self, method: str, path: str, headers: dict[str, str]) -> bool:
        filled = PARAMETER.sub(lambda m: APP_ID if m[1] == "app_id" else "x1234567", path)
        answer = await self.world.http.request(method, APPS + filled, headers=headers)
        if answer.status_code == UNAUTHENTICATED:
            assert set(answer.json()) == {"message", "code"}
            assert "www-authenticate" not in answer.headers
        return answer.status_code != UNAUTHENTICATED


@pytest.fixture
async def callers(world: World) -> Callers:
    right = {
        "C": world.client,
        "A": world.back_end,
        "R": await world.token("Reader"),
        "W": await world.token("Writer"),
        "M": await world.token("Manager"),
        "O": OPERATOR,
    }
    other = (await world.http.post(APPS, json={"applicationId": OTHER}, headers=OPERATOR)).json()
    form = {"grant_type": API_KEY_GRANT, "apikey": other["apikey"]}
    token = (await world.http.post("/identity/token", data=form)).json()
    return Callers(
        world,
        right,
        wrong={
            "nothing": {},
            "empty secrets": {"appSecret": "", "clientSecret": ""},
            "an unknown appSecret": {"appSecret": "A" * 43},
            "an unknown clientSecret": {"clientSecret": "A" * 43},
            "secrets in the wrong place": {
                "appSecret": world.client["clientSecret"],
                "clientSecret": world.back_end["appSecret"],
            },
            "another application's appSecret": {"appSecret": other["appSecret"]},
            "another application's clientSecret": {"clientSecret": other["clientSecret"]},
            "another application's token": {"Authorization": f"Bearer {token['access_token']}"},
            "a refresh token": {"Authorization": f"Bearer {token['refresh_token']}"},
            "an API key itself": {"Authorization": f"Bearer {world.api_key}"},
            "an API key as a secret": {"appSecret": world.api_key},
            "a secret as a token": {"Authorization": f"Bearer {world.back_end['appSecret']}"},
            "a token of somebody else": {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
            "a token under another scheme": {
                "Authorization": right["M"]["Authorization"].replace("Bearer", "Basic")
            },
            "a wrong operator key": {"Authorization": "Bearer wrong"},
            "an oversized secret": {"appSecret": "A" * 5000, "clientSecret": "A" * 5000},
        },
    )


async def test_every_route_has_its_row(world: World) -> None:
    routes = {
        (method, PARAMETER.sub(r"{\1}", route.path))
        for route in world.app.routes
        for method in route.accesses
    }

    rows = {(method, APPS + path) for method, path in ROWS} | OPEN
    assert routes - rows == set(), "ROWS must say whom these admit"
    assert rows - routes == set(), "nobody serves these any more"


@pytest.mark.parametrize(("method", "path"), ROWS)
async def test_whom_it_admits(callers: Callers, method: str, path: str) -> None:
    admitted = [
        letter
        for letter, headers in callers.right.items()
        if letter not in ROWS[method, path] and await callers.is_admitted(method, path, headers)
    ]
    mistaken = [
        name
        for name, headers in callers.wrong.items()
        if await callers.is_admitted(method, path, headers)
    ]
    # Last, because an application that is deleted admits nobody.
    refused = [
        letter
        for letter in ROWS[method, path]
        if not await callers.is_admitted(method, path, callers.right[letter])
    ]

    assert (admitted, refused, mistaken) == ([], [], [])


async def test_taking_subscriptions_away_in_bulk_is_deleting(callers: Callers) -> None:
    path = "/{app_id}/subscriptions?action=delete"
    admitted = [
        letter
        for letter, headers in callers.right.items()
        if await callers.is_admitted("POST", path, headers)
    ]

    assert admitted == ["C", "A", "M"]


async def test_one_good_credential_among_bad_ones_is_enough(callers: Callers) -> None:
    for letter in ("C", "A", "R"):
        for name, headers in callers.wrong.items():
            both = headers | callers.right[letter]
            assert await callers.is_admitted("GET", "/{app_id}/tags", both), (letter, name)


async def test_the_list_of_devices_opens_to_clients_where_the_operator_says_so(
    callers: Callers,
) -> None:
    changed = await callers.world.http.put(
        f"{APPS}/{APP_ID}", json={"clientsListDevices": True}, headers=OPERATOR
    )
    asked = [callers.right["C"], callers.wrong["an unknown clientSecret"], {}]
    admitted = [await callers.is_admitted("GET", "/{app_id}/devices", each) for each in asked]

    assert changed.json()["clientsListDevices"] is True
    assert admitted == [True, False, False]
