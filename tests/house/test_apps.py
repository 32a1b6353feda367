"""What does it take to become the owner of an application?"""

import uuid

import httpx
import pytest

from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE

pytestmark = HOUSE


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def create(world: World, body: object) -> httpx.Response:
    key = world.house.place.keys.operator_key
    answer = await world.rest.post("/apps", json=body, headers=bearer(key))
    world.shown |= {
        text for name, text in answer.json().items() if name in {"appSecret", "clientSecret"}
    }
    return answer


async def test_the_operator_creates_it_and_is_shown_its_secrets(world: World) -> None:
    answer = await create(world, {"name": "ACME Insurance"})
    created = answer.json()
    back_end = {"appSecret": created["appSecret"]}
    devices = await world.rest.get(f"/apps/{created['appGuid']}/devices", headers=back_end)
    client = {"clientSecret": created["clientSecret"]}
    tags = await world.rest.get(f"/apps/{created['appGuid']}/tags", headers=client)

    assert answer.status_code == 201
    assert devices.json()["devices"] == []
    assert tags.json()["tags"] == []


async def test_its_secrets_are_shown_this_once(world: World) -> None:
    created = (await create(world, {})).json()
    operator = bearer(world.house.place.keys.operator_key)
    read = await world.rest.get(f"/apps/{created['appGuid']}", headers=operator)

    assert read.status_code == 200
    assert created["appSecret"] not in read.text
    assert created["clientSecret"] not in read.text


async def test_its_id_may_be_chosen_but_not_twice(world: World) -> None:
    wanted = {"applicationId": str(uuid.uuid4())}
    first = await create(world, wanted)
    second = await create(world, wanted)

    assert first.json()["appGuid"] == wanted["applicationId"]
    assert (second.status_code, second.json()["code"]) == (409, "FPWSE0002E")


@pytest.mark.parametrize("headers", [{}, bearer("not-the-operator-key"), {"appSecret": "none"}])
async def test_nobody_else_creates_one(world: World, headers: dict[str, str]) -> None:
    answer = await world.rest.post("/apps", json={}, headers=headers)

    assert answer.status_code == 401
    assert set(answer.json()) == {"message", "code"}


async def test_its_calls_want_its_own_secret(world: World, app: App) -> None:
    other = await world.open_app()
    asked = [
        ({}, "/devices"),
        ({"appSecret": "wrong"}, "/devices"),
        ({"appSecret": other.demo.app_secret}, "/devices"),
        ({"appSecret": app.demo.client_secret}, "/devices"),
        ({"clientSecret": app.demo.client_secret}, "/devices"),
        ({"clientSecret": app.demo.app_secret}, "/tags"),
    ]
    answers = [
        await world.rest.get(f"/apps/{app.demo.app_id}{path}", headers=headers)
        for headers, path in asked
    ]

    assert [answer.status_code for answer in answers] == [401] * len(asked)
    assert all(set(answer.json()) == {"message", "code"} for answer in answers)
    assert not any("www-authenticate" in answer.headers for answer in answers)


async def test_an_application_sees_nothing_of_another(world: World, app: App) -> None:
    other = await world.open_app()
    phone = await other.register("G", user_id="ada")
    message = await other.send("For the other application alone", target={"userIds": ["ada"]})

    assert (await app.ask("GET", f"/devices/{phone.device_id}")).status_code == 404
    assert (await app.ask("GET", f"/messages/{message}")).status_code == 404
    assert (await app.read("/devices"))["devices"] == []


async def test_a_deleted_one_is_gone_with_all_it_had(world: World, app: App) -> None:
    phone = await app.register("G")
    operator = bearer(world.house.place.keys.operator_key)
    deleted = await world.rest.delete(f"/apps/{app.demo.app_id}", headers=operator)
    read = await app.ask("GET", f"/devices/{phone.device_id}", as_client=True)

    assert deleted.status_code == 204
    assert read.status_code in {401, 404}
