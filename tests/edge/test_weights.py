"""How does an operator say how much of the senders' work an application gets?"""

import pytest

from tests.edge.conftest import APP_ID, APPS, OPERATOR, World

UNKNOWN = "99999999-8888-4777-8666-555555555555"


async def test_it_is_ten_until_it_is_set(world: World) -> None:
    before = await world.call("GET", "/settings/weight", headers=OPERATOR)
    put = await world.call("PUT", "/settings/weight", headers=OPERATOR, json={"weight": 30})
    after = await world.call("GET", "/settings/weight", headers=OPERATOR)

    assert [(each.status_code, each.json()) for each in (before, put, after)] == [
        (200, {"weight": 10}),
        (200, {"weight": 30}),
        (200, {"weight": 30}),
    ]


@pytest.mark.parametrize("body", [{}, {"weight": 0}, {"weight": 1001}, {"weight": "heavy"}, []])
async def test_any_other_is_refused(world: World, body: object) -> None:
    answer = await world.call("PUT", "/settings/weight", headers=OPERATOR, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert world.dispatch.weights.get(APP_ID) is None


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_application_that_does_not_exist_has_none(world: World, method: str) -> None:
    body = {"weight": 30} if method == "PUT" else None
    path = f"{APPS}/{UNKNOWN}/settings/weight"
    answer = await world.http.request(method, path, headers=OPERATOR, json=body)

    assert answer.status_code == 404
    assert world.dispatch.weights == {}
