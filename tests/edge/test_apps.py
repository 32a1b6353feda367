"""What may an operator do with applications?"""

from typing import Any

import pytest

from tests.edge.conftest import APP_ID, APPS, OPERATOR, PUBLIC, World

OTHER = "11111111-2222-4333-8444-555555555555"


async def call(world: World, method: str, path: str = "", **options: Any) -> Any:
    return await world.http.request(method, f"{APPS}{path}", headers=OPERATOR, **options)


async def test_creating_answers_201_with_the_credentials_once(world: World) -> None:
    answer = await call(world, "POST", json={"applicationId": OTHER.upper(), "name": "ACME"})

    assert answer.status_code == 201
    assert answer.json() == {
        "url": f"{PUBLIC}/imfpush/v1/apps/{OTHER}",
        "admin_url": f"//push.example.com/imfpushdashboard/?appGuid={OTHER}",
        "appSecret": f"app-{OTHER}",
        "clientSecret": f"client-{OTHER}",
        "appGuid": OTHER,
        "apikey": f"{OTHER}.key-0-1.secret",
        "apiKey": f"{OTHER}.key-0-1.secret",
        "iam_apikey_name": "first",
        "iam_apikey_description": f"API key key-0-1 of the application {OTHER}",
        "iam_role_crn": "crn:v1:carillon:public:iam::::serviceRole:Manager",
        "iam_serviceid_crn": f"crn:v1:carillon:public:iam::::serviceid:{OTHER}",
        "plan": "SELF_HOSTED",
    }


async def test_an_id_is_issued_when_none_is_wanted(world: World) -> None:
    answer = await call(world, "POST", json={})

    assert answer.status_code == 201
    assert answer.json()["appGuid"] in world.registry.tenants


async def test_a_taken_id_is_409(world: World) -> None:
    answer = await call(world, "POST", json={"applicationId": APP_ID})

    assert (answer.status_code, answer.json()["code"]) == (409, "FPWSE0002E")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"applicationId": "acme"}, "applicationId"),
        ({"applicationId": 1}, "applicationId"),
        ({"name": "n" * 255}, "name"),
        ({"enabled": "maybe"}, "enabled"),
        ([], "body"),
    ],
)
async def test_a_wrong_field_is_named(world: World, body: object, field: str) -> None:
    answer = await call(world, "POST", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert f"'{field}'" in answer.json()["message"]


async def test_reading_shows_no_secret(world: World) -> None:
    answer = await call(world, "GET", f"/{APP_ID.upper()}")

    assert answer.json() == {
        "applicationId": APP_ID,
        "name": "",
        "enabled": True,
        "oldStyle": False,
        "verifyClientSecret": True,
        "clientsListDevices": False,
        "createdTime": "2026-11-02T12:00:00.000Z",
        "lastUpdatedTime": "2026-11-02T12:00:00.000Z",
        "href": f"{PUBLIC}/imfpush/v1/apps/{APP_ID}",
    }


async def test_the_list_goes_on_by_cursor(world: World) -> None:
    await call(world, "POST", json={"applicationId": OTHER})

    first = (await call(world, "GET", "?size=1")).json()
    rest = first["pageInfo"]["next"].removeprefix(PUBLIC + APPS)
    second = (await call(world, "GET", rest)).json()

    assert [app["applicationId"] for app in first["apps"] + second["apps"]] == [APP_ID, OTHER]
    assert "next" not in second["pageInfo"]


async def test_an_offset_into_it_is_refused(world: World) -> None:
    answer = await call(world, "GET", "?offset=1")

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE1079E")


async def test_switching_off_takes_effect_at_once(world: World) -> None:
    before = await world.call("GET", "/tags")

    changed = await call(world, "PUT", f"/{APP_ID}", json={"enabled": False, "name": "ACME"})
    status = await call(world, "GET", f"/{APP_ID}/status")
    after = await world.call("GET", "/tags")

    assert (before.status_code, changed.status_code) == (200, 200)
    assert (changed.json()["name"], status.json()) == ("ACME", {"enabled": False})
    assert (after.status_code, after.json()["code"]) == (409, "FPWSE1007E")


@pytest.mark.parametrize(
    "body", [{}, {"applicationId": OTHER, "enabled": True}, {"oldStyle": True, "enabled": True}]
)
async def test_a_change_of_nothing_or_of_the_id_is_refused(
    world: World, body: dict[str, Any]
) -> None:
    answer = await call(world, "PUT", f"/{APP_ID}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")


async def test_deleting_is_204_and_its_callers_are_strangers(world: World) -> None:
    await world.call("GET", "/tags")

    first = await call(world, "DELETE", f"/{APP_ID}")
    second = await call(world, "DELETE", f"/{APP_ID}")
    caller = await world.call("GET", "/tags")

    assert [a.status_code for a in (first, second, caller)] == [204, 404, 404]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": OPERATOR["Authorization"].replace("Bearer", "Basic")},
        {"Authorization": OPERATOR["Authorization"].removeprefix("Bearer ")},
        {"Authorization": "Bearer \xe9"},
        {"appSecret": f"app-{APP_ID}"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("GET", ""),
        ("GET", f"/{APP_ID}"),
        ("PUT", f"/{APP_ID}"),
        ("DELETE", f"/{APP_ID}"),
        ("GET", f"/{APP_ID}/status"),
    ],
)
async def test_nobody_else_may(
    world: World, method: str, path: str, headers: dict[str, str]
) -> None:
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}

    answer = await world.http.request(method, f"{APPS}{path}", headers=raw)

    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers


async def test_health_is_open_and_asks_no_room(world: World) -> None:
    world.registry.calls.clear()

    answer = await world.http.get("/imfpush/v1/health/status")

    assert (answer.status_code, answer.json()) == (200, {"status": "UP"})
    assert world.registry.calls == []
