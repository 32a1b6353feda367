"""What may an owner do with secrets and API keys, and who need show none?"""

from typing import Any

import pytest

from services.edge.settings import Settings
from services.kit.settings import SettingInvalid
from tests.edge.conftest import (
    APP_ID,
    APPS,
    OPERATOR,
    OPERATOR_KEY,
    PHONE,
    PUBLIC,
    TOKEN_KEY,
    World,
)

OLD = "11111111-2222-4333-8444-555555555555"
USER = {"userId": "ada"}


@pytest.fixture
async def old(world: World) -> dict[str, str]:
    """An old-style application's appSecret."""
    made = await world.http.post(
        APPS, json={"applicationId": OLD, "oldStyle": True}, headers=OPERATOR
    )
    secrets = made.json()
    return {"appSecret": secrets["appSecret"], "clientSecret": secrets["clientSecret"]}


async def call_old(world: World, method: str, path: str, **sent: Any) -> int:
    return (await world.http.request(method, f"{APPS}/{OLD}{path}", **sent)).status_code


@pytest.mark.parametrize("name", ["appSecret", "clientSecret"])
@pytest.mark.parametrize("body", [None, {}, {"overlapSeconds": 0}, {"overlapSeconds": "60"}])
async def test_a_secret_is_replaced_and_shown_once(world: World, name: str, body: object) -> None:
    answer = await world.call("POST", f"/secrets/{name}", **({"json": body} if body else {}))

    assert answer.status_code == 201
    assert set(answer.json()) == {name, "previousValidUntil"}
    read = await world.http.get(f"{APPS}/{APP_ID}", headers=OPERATOR)
    assert answer.json()[name] not in read.text


@pytest.mark.parametrize("seconds", [-1, 90 * 86_400 + 1, 2**70, "soon", True, 1.5])
async def test_an_overlap_that_is_none_is_refused(world: World, seconds: object) -> None:
    answer = await world.post("/secrets/appSecret", {"overlapSeconds": seconds})

    assert answer.status_code == 400
    assert "overlapSeconds" in answer.json()["message"]


async def test_there_are_two_secrets_and_no_third(world: World) -> None:
    answer = await world.call("POST", "/secrets/operatorKey")

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")


async def test_a_key_is_shown_once_under_both_names_and_listed_without(world: World) -> None:
    made = await world.post("/apiKeys", {"role": "reader", "name": "the nightly job"})
    listed = await world.call("GET", "/apiKeys")
    key = made.json()

    assert made.status_code == 201
    assert key["apikey"] == key["apiKey"]
    assert (key["role"], key["name"]) == ("Reader", "the nightly job")
    assert [one["name"] for one in listed.json()["apiKeys"]] == ["first", "the nightly job"]
    assert key["apikey"] not in listed.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "role"),
        ({"role": "Administrator"}, "role"),
        ({"role": 1}, "role"),
        ({"role": "Reader", "name": "n" * 255}, "name"),
    ],
)
async def test_a_wrong_key_is_refused(world: World, body: object, field: str) -> None:
    answer = await world.post("/apiKeys", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


async def test_a_key_that_is_none_cannot_be_revoked(world: World) -> None:
    answer = await world.call("DELETE", "/apiKeys/none")

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")


async def test_keys_have_an_end(world: World) -> None:
    for _ in range(99):
        await world.post("/apiKeys", {"role": "Reader"})
    answer = await world.post("/apiKeys", {"role": "Reader"})

    assert (answer.status_code, answer.json()["code"]) == (409, "CARILLON0409E")


@pytest.mark.usefixtures("old")
async def test_clients_of_an_old_style_application_show_nothing_but_for_a_user(
    world: World,
) -> None:
    statuses = [
        await call_old(world, "POST", "/devices", json=PHONE),
        await call_old(world, "POST", "/devices", json=PHONE, headers={"clientSecret": "wrong"}),
        await call_old(world, "GET", "/devices/phone"),
        await call_old(world, "PUT", "/devices/phone", json={"token": "another"}),
        await call_old(world, "GET", "/tags"),
        await call_old(world, "POST", "/devices", json=PHONE | {"userId": "anonymous"}),
        await call_old(world, "POST", "/devices", json=PHONE | USER),
        await call_old(world, "PUT", "/devices/phone", json=USER),
        await call_old(world, "POST", "/messages", json={"message": {"alert": "Hello"}}),
        await call_old(world, "GET", "/devices"),
    ]

    assert statuses == [201, 201, 200, 200, 200, 201, 401, 401, 401, 401]


async def test_a_user_wants_the_client_secret(world: World, old: dict[str, str]) -> None:
    client = {"clientSecret": old["clientSecret"]}
    wrong = {"clientSecret": "wrong"}
    body = PHONE | USER

    assert await call_old(world, "POST", "/devices", json=body, headers=wrong) == 401
    assert await call_old(world, "POST", "/devices", json=body, headers=client) == 201


async def test_an_old_style_application_may_decide_to_verify(
    world: World, old: dict[str, str]
) -> None:
    path = f"{APPS}/{OLD}/settings/verifyClientSecret"
    app = {"appSecret": old["appSecret"]}
    before = await world.http.get(path, headers=app)
    changed = await world.http.put(path, json={"verifyClientSecret": True}, headers=app)
    refused = await call_old(world, "GET", "/tags")
    back = await world.http.put(path, json={"verifyClientSecret": "false"}, headers=app)

    assert before.json() == {"verifyClientSecret": False}
    assert (changed.status_code, changed.json()) == (200, {"verifyClientSecret": True})
    assert refused == 401
    assert (back.json(), await call_old(world, "GET", "/tags")) == (
        {"verifyClientSecret": False},
        200,
    )


async def test_of_a_new_one_only_the_operator_decides(world: World) -> None:
    path, body = "/settings/verifyClientSecret", {"verifyClientSecret": False}
    mine = await world.call("PUT", path, json=body)
    read = await world.call("GET", path)
    operators = await world.call("PUT", path, json=body, headers=OPERATOR)

    assert (mine.status_code, read.json()) == (401, {"verifyClientSecret": True})
    assert (operators.status_code, operators.json()) == (200, body)
    assert (await world.call("GET", "/tags", headers={})).status_code == 200


@pytest.mark.parametrize("body", [{}, {"verifyClientSecret": "maybe"}, []])
async def test_a_decision_is_true_or_false(world: World, body: object) -> None:
    answer = await world.call("PUT", "/settings/verifyClientSecret", json=body, headers=OPERATOR)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")


@pytest.mark.parametrize("seconds", [-1, 0, 5.1])
def test_nothing_may_be_believed_for_longer_than_five_seconds(seconds: float) -> None:
    with pytest.raises(SettingInvalid, match="AUTH_CACHE_SECONDS"):
        Settings(OPERATOR_KEY, (TOKEN_KEY,), public_url=PUBLIC, auth_cache_seconds=seconds)
