"""What may a device be subscribed to, and how is it answered?"""

from tests.house.app import App
from tests.house.marks import HOUSE
from tests.house.sandbox import Sandbox

pytestmark = HOUSE


async def test_tags_are_made_by_the_back_end_and_read_by_apps(app: App) -> None:
    made = await app.ask("POST", "/tags", {"name": "rates", "description": "Mortgage rates"})
    again = await app.ask("POST", "/tags", {"name": "rates"})
    by_client = await app.ask("POST", "/tags", {"name": "mine"}, as_client=True)
    changed = await app.ask("PUT", "/tags/rates", {"description": "All rates"})
    listed = await app.ask("GET", "/tags", as_client=True)

    assert made.status_code == 201
    assert (again.status_code, again.json()["code"]) == (409, "FPWSE0002E")
    assert by_client.status_code == 401
    assert changed.json()["description"] == "All rates"
    assert [tag["name"] for tag in listed.json()["tags"]] == ["rates"]
    assert all(isinstance(value, str) for value in listed.json()["tags"][0].values())


async def test_a_single_tag_as_android_asks_for_it(app: App) -> None:
    phone = await app.register("G")
    await app.tag("rates")
    wanted = {"deviceId": phone.device_id, "tagName": "rates"}
    first = await app.ask("POST", "/subscriptions", wanted, as_client=True)
    second = await app.ask("POST", "/subscriptions", wanted, as_client=True)
    ended = await app.ask("DELETE", "/subscriptions", params=wanted, as_client=True)
    absent = await app.ask("DELETE", "/subscriptions", params=wanted, as_client=True)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["tagName"] == "rates"
    assert ended.status_code == 204
    assert (absent.status_code, absent.json()["code"]) == (404, "FPWSE0012E")


async def test_several_tags_as_ios_and_browsers_ask_for_them(app: App) -> None:
    phone = await app.register("A")
    await app.tag("old", phone)
    await app.tag("new")
    wanted = {"deviceId": phone.device_id, "tagNames": ["old", "new", "none"]}
    subscribed = await app.ask("POST", "/subscriptions", wanted, as_client=True)
    path = "/subscriptions?action=delete"
    ended = await app.ask("POST", path, wanted, as_client=True)
    repeated = await app.ask("POST", path, wanted, as_client=True)

    assert [each.status_code for each in (subscribed, ended, repeated)] == [207] * 3
    assert [one["tagName"] for one in subscribed.json()["subscribed"]] == ["new"]
    assert [one["tagName"] for one in subscribed.json()["subscriptionExists"]] == ["old"]
    assert subscribed.json()["tagsNotFound"]["tags"] == ["none"]
    assert sorted(ended.json()["unsubscribed"]) == ["new", "old"]
    assert sorted(repeated.json()["subscriptionNotExists"]) == ["new", "old"]


async def test_all_strings_in_the_list_and_broadcast_among_them(app: App) -> None:
    phone = await app.register("A", user_id="ada")
    await app.tag("rates", phone)
    path = f"/subscriptions?deviceId={phone.device_id}"
    listed = (await app.ask("GET", path, as_client=True)).json()["subscriptions"]

    assert sorted(one["tagName"] for one in listed) == ["Push.ALL", "rates"]
    assert all(isinstance(value, str) for one in listed for value in one.values())


async def test_a_device_that_leaves_the_broadcast_still_hears_its_tags(
    app: App, sandbox: Sandbox
) -> None:
    loud, quiet = await app.register("G"), await app.register("G")
    await app.tag("rates", quiet)
    leave = {"deviceId": quiet.device_id, "tagNames": ["Push.ALL"]}
    left = await app.ask("POST", "/subscriptions?action=delete", leave, as_client=True)
    broadcast = await app.send("A reminder to all customers")
    await app.ended(broadcast)
    tagged = await app.send("Rates fell", target={"tagNames": ["rates"]})
    arrived = await sandbox.arrived(quiet.token)
    await app.ask("POST", "/subscriptions", leave, as_client=True)
    second = await app.send("Another reminder")
    await app.ended(second)

    assert left.json()["unsubscribed"] == ["Push.ALL"]
    assert set(await app.outcomes(broadcast)) == {loud.device_id}
    assert tagged in arrived["payload"]["data"]["payload"]
    assert set(await app.outcomes(second)) == {loud.device_id, quiet.device_id}


async def test_a_deleted_tag_takes_its_subscriptions_along(app: App) -> None:
    phone = await app.register("G")
    await app.tag("rates", phone)
    deleted = await app.ask("DELETE", "/tags/rates")
    await app.tag("rates")
    message = await app.send("To the new tag", target={"tagNames": ["rates"]})

    assert deleted.status_code == 204
    assert await app.ended(message) == "FAILED"
    assert await app.outcomes(message) == {}
