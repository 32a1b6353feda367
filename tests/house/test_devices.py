"""What does the service keep of a device?"""

from tests.house.app import App, Device
from tests.house.marks import HOUSE
from tests.house.sandbox import GATEWAYS, Sandbox

pytestmark = HOUSE


async def test_what_a_client_registered_byte_for_byte(app: App) -> None:
    browser = await app.register("WEB_CHROME", user_id="ada", device_id="Ada's browser/ä 1")
    read = await app.ask("GET", "/devices/Ada's%20browser%2F%C3%A4%201", as_client=True)
    kept = read.json()

    assert read.status_code == 200
    assert kept["deviceId"] == browser.device_id
    assert kept["token"] == browser.token
    assert (kept["platform"], kept["userId"]) == ("WEB_CHROME", "ada")


async def test_anonymous_where_no_user_is_named(app: App) -> None:
    phone = await app.register("G")

    assert (await app.read(f"/devices/{phone.device_id}"))["userId"] == "anonymous"


async def test_an_update_replaces_the_address_and_detaches_the_user(
    app: App, sandbox: Sandbox
) -> None:
    phone = await app.register("A", user_id="ada")
    moved = await sandbox.fresh("A")
    path = f"/devices/{phone.device_id}"
    updated = await app.ask("PUT", path, {"token": moved}, as_client=True)
    message = await app.send("To the new address")

    assert updated.status_code == 200
    assert (updated.json()["token"], updated.json()["userId"]) == (moved, "anonymous")
    assert (await sandbox.arrived(moved))["headers"]["apns-collapse-id"] == message
    assert await sandbox.arrivals(phone.token) == []


async def test_a_second_post_is_an_update_too(app: App, sandbox: Sandbox) -> None:
    phone = await app.register("G", user_id="ada")
    again = Device(phone.device_id, "G", await sandbox.fresh("G"))
    await app.vouch(again, user_id="bob")
    listed = (await app.read("/devices"))["devices"]

    assert [(one["token"], one["userId"]) for one in listed] == [(again.token, "bob")]


async def test_nothing_once_it_is_deleted(app: App, sandbox: Sandbox) -> None:
    leaver, stayer = await app.register("G"), await app.register("G")
    path = f"/devices/{leaver.device_id}"
    deleted = await app.ask("DELETE", path, as_client=True)
    read = await app.ask("GET", path, as_client=True)
    message = await app.send("To those who stayed")
    await app.ended(message)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (read.status_code, read.json()["code"]) == (404, "FPWSE0001E")
    assert set(await app.outcomes(message)) == {stayer.device_id}
    assert await sandbox.arrivals(leaver.token) == []


async def test_lists_are_paged_and_filtered(app: App) -> None:
    devices = [await app.register(platform, user_id="ada") for platform in GATEWAYS]
    await app.register("G", user_id="bob")
    of_ada = await app.read("/devices?userId=ada")
    android = await app.read("/devices?filter=platform==G")
    first = await app.read("/devices?size=3")
    pages = [first]
    while url := pages[-1]["pageInfo"].get("next"):
        pages.append((await app.client.get(url, headers=app.back_end)).json())
    back = (await app.client.get(pages[1]["pageInfo"]["previous"], headers=app.back_end)).json()
    paged = [one["deviceId"] for page in pages for one in page["devices"]]

    assert {one["deviceId"] for one in of_ada["devices"]} == {each.device_id for each in devices}
    assert back["devices"] == first["devices"]
    assert of_ada["pageInfo"]["totalCount"] == first["pageInfo"]["totalCount"] - 1 == len(devices)
    assert android["pageInfo"]["totalCount"] == 2
    assert len(paged) == len(set(paged)) == len(devices) + 1
