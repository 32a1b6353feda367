"""How does an operator see who is under suspicion, and how does one lift it?"""

import pytest

from carillon.registry.v1.device_pb2 import DeviceState
from tests.edge.conftest import APP_ID, OPERATOR, World


async def suspect(world: World, *device_ids: str) -> None:
    for device_id in device_ids:
        await world.register(deviceId=device_id)
        device = world.registry.tenants[APP_ID].devices[device_id]
        device.state = DeviceState.DEVICE_STATE_QUARANTINED


async def test_it_says_how_many_there_are(world: World) -> None:
    await suspect(world, "a", "b")
    answer = await world.call("GET", "/quarantine", headers=OPERATOR)

    assert (answer.status_code, answer.json()) == (200, {"count": 2})


@pytest.mark.parametrize(("body", "restored"), [({}, 2), ({"deviceIds": ["a", "c"]}, 1)])
async def test_those_named_come_back_or_all(
    world: World, body: dict[str, list[str]], restored: int
) -> None:
    await suspect(world, "a", "b")
    answer = await world.post("/quarantine/restore", body, headers=OPERATOR)

    assert answer.status_code == 200
    assert answer.json() == {"restored": restored, "count": 2 - restored}


async def test_an_application_itself_may_not(world: World) -> None:
    answers = [
        await world.call("GET", "/quarantine"),
        await world.post("/quarantine/restore", {}),
        await world.post("/quarantine/restore", {}, headers=world.client),
    ]

    assert [answer.status_code for answer in answers] == [401] * 3


@pytest.mark.parametrize("body", [{"deviceIds": "a"}, {"deviceIds": [""]}, {"deviceIds": [7]}])
async def test_a_wrong_field_is_named(world: World, body: object) -> None:
    answer = await world.post("/quarantine/restore", body, headers=OPERATOR)

    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0005E")
    assert "'deviceIds" in answer.json()["message"]
