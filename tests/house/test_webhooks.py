"""Is a back end told what happens, over REST and through a killed reporter?"""

import asyncio
from typing import Any

from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE
from tests.listener import Call, Listener, listening

pytestmark = HOUSE


async def listen(app: App, listener: Listener, event_types: Any) -> None:
    hook = {"name": "crm", "url": f"{listener.url}/hook", "eventTypes": event_types}
    created = await app.ask("POST", "/webhooks", hook)
    assert created.status_code == 201, created.text
    app.secrets.add(created.json()["secret"])


def statuses(calls: list[Call]) -> list[tuple[str, list[str]]]:
    entities = [call.body["entity"] for call in calls]
    return [(entity["msgStatus"], entity["deviceIds"]) for entity in entities]


async def test_what_came_of_a_message(app: App) -> None:
    phone = await app.register("G")
    async with listening() as listener:
        await listen(app, listener, "onNotificationStatusChange")
        message = await app.send("Told", target={"deviceIds": [phone.device_id]})
        await listener.until(1)
        for status in ("SEEN", "OPEN", "OPEN"):
            body = {"deviceId": phone.device_id, "status": status}
            await app.ask("PUT", f"/messages/{message}", body, as_client=True)
        calls = await listener.until(3)

    assert statuses(calls) == [(word, [phone.device_id]) for word in ("SENT", "SEEN", "OPEN")]
    assert {call.body["entity"]["messageId"] for call in calls} == {message}


async def test_nothing_is_lost_with_a_killed_reporter(world: World, app: App) -> None:
    phones = [await app.register("G") for _ in range(4)]
    async with listening() as listener:
        await listen(app, listener, "*")
        listener.silent.add("/hook")
        await app.ended(await app.send("Before"))
        await listener.until(1)
        await world.house.kill_room("dispatch-reporter")
        listener.silent.clear()
        await app.ended(await app.send("While it is away"))
        await world.house.start_room("dispatch-reporter")
        async with asyncio.timeout(30):
            wanted = {(phone.device_id, text) for phone in phones for text in ("before", "away")}
            while len(wanted) != len(told(listener)):
                await listener.until(len(listener.calls) + 1)

    assert len({call.headers["webhook-id"] for call in listener.calls}) <= len(listener.calls)


def told(listener: Listener) -> set[tuple[str, str]]:
    """Each device and message of which we were told."""
    return {
        (device_id, call.body["entity"]["messageId"])
        for call in listener.calls
        for device_id in call.body["entity"].get("deviceIds", ())
    }


async def test_what_happens_to_a_device(app: App) -> None:
    async with listening() as listener:
        await listen(app, listener, ["onDeviceRegister", "onDeviceUpdate", "onDeviceUnregister"])
        phone = await app.register("G", user_id="anna")
        await listener.until(1)
        await app.ask("PUT", f"/devices/{phone.device_id}", {"userId": "bert"}, as_client=True)
        await listener.until(2)
        await app.ask("DELETE", f"/devices/{phone.device_id}", as_client=True)
        calls = await listener.until(3)

    registered, updated, ended = [call.body for call in calls]
    common = {"deviceId": phone.device_id, "token": phone.token, "platform": "G"}
    owner = {"id": registered["entity"]["id"], "applicationId": app.demo.app_id}
    assert [body["type"] for body in (registered, updated, ended)] == [
        "onDeviceRegister",
        "onDeviceUpdate",
        "onDeviceUnregister",
    ]
    assert registered["entity"] == common | owner | {"userId": "anna"}
    assert updated["entity"] == common | {"userId": "bert"}
    assert ended["entity"] == common | owner | {"userId": "bert"}


async def test_what_happens_to_a_subscription(app: App) -> None:
    phone = await app.register("G", user_id="anna")
    await app.insist("POST", "/tags", {"name": "mortgage-rates"})
    async with listening() as listener:
        await listen(app, listener, "onSubscribe,onUnsubscribe")
        asked = {"deviceId": phone.device_id, "tagName": "mortgage-rates"}
        made = await app.ask("POST", "/subscriptions", asked, as_client=True)
        await listener.until(1)
        names = {"deviceId": phone.device_id, "tagNames": ["mortgage-rates", "Push.ALL"]}
        await app.ask("POST", "/subscriptions?action=delete", names, as_client=True)
        calls = await listener.until(3)

    subscribed, *ended = [call.body for call in calls]
    device = {
        "id": subscribed["entity"]["device"]["id"],
        "deviceId": phone.device_id,
        "applicationId": app.demo.app_id,
        "userId": "anna",
        "token": phone.token,
        "platform": "G",
    }
    told = {
        "device": device,
        "tagName": "mortgage-rates",
        "subscriptionId": made.json()["subscriptionId"],
    }
    assert (subscribed["type"], subscribed["entity"]) == ("onSubscribe", told)
    assert [body["type"] for body in ended] == ["onUnsubscribe", "onUnsubscribe"]
    assert told | {"deviceId": phone.device_id} in [body["entity"] for body in ended]
    assert {body["entity"]["tagName"] for body in ended} == {"mortgage-rates", "Push.ALL"}
