"""What does an application see of a credential that its gateway refuses, and when it is mended?"""

import asyncio
from typing import Any

from dev.demo import load_demo
from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE
from tests.house.sandbox import Sandbox
from tests.house.waiting import until

pytestmark = HOUSE


async def shown(world: World, app: App, path: str) -> Any:
    """What an operator sees of the application."""
    key = world.house.place.keys.operator_key
    headers = {"Authorization": f"Bearer {key}"}
    answer = await app.client.get(f"/apps/{app.demo.app_id}{path}", headers=headers)
    return answer.raise_for_status().json()


async def configure_anew(world: World, app: App) -> None:
    """Set every gateway's credentials again, as the application's owner does to mend one."""
    place = world.house.place
    folder = place.folder / f"app-{world.apps.index(app)}"
    await asyncio.to_thread(load_demo, folder, place.edge, place.sandbox, place.keys.operator_key)


async def test_its_messages_wait_the_settings_say_so_and_a_new_credential_sends_them(
    world: World, app: App, sandbox: Sandbox
) -> None:
    phone, other = await app.register("A"), await app.register("G")
    await sandbox.order(address=phone.token, behaviour="unauthorized", times=1)
    message = await app.send("I can wait")
    refused = await until(
        lambda: app.read("/settings/apnsConf"), lambda conf: conf["state"] == "MISCONFIGURED"
    )
    open_ = await shown(world, app, "/circuits")
    await until(lambda: app.outcome(message, other), "SENT".__eq__)
    await configure_anew(world, app)
    status = await app.ended(message)
    await until(lambda: app.read("/settings/apnsConf"), lambda conf: conf["state"] == "VERIFIED")

    assert refused["stateReason"] == "InvalidProviderToken"
    [circuit] = open_["circuits"]
    assert (circuit["platform"], circuit["cause"]) == ("A", "MISCONFIGURED")
    assert status == "DISPATCHED"
    assert await app.outcome(message, phone) == "SENT"
    assert (await shown(world, app, "/circuits"))["circuits"] == []


async def test_a_suspected_phone_is_not_sent_to_until_an_operator_restores_it(
    world: World, app: App, sandbox: Sandbox
) -> None:
    phone = await app.register("G")
    await sandbox.order(address=phone.token, behaviour="unauthorized", times=1)
    await app.ended(await app.send("Not for this project"))
    await until(lambda: shown(world, app, "/quarantine"), {"count": 1}.__eq__)
    client = await app.ask("GET", f"/devices/{phone.device_id}", as_client=True)
    during = await app.send("Nobody is there")
    ended = await app.ended(during)
    key = world.house.place.keys.operator_key
    restored = await app.client.post(
        f"/apps/{app.demo.app_id}/quarantine/restore",
        json={},
        headers={"Authorization": f"Bearer {key}"},
    )
    after = await app.send("Back again")

    assert client.status_code == 404
    assert ended == "FAILED"
    assert restored.json() == {"restored": 1, "count": 0}
    assert await app.ended(after) == "DISPATCHED"
