"""What does the owner learn of a message?"""

from typing import Any

from tests.house.app import App, Device
from tests.house.marks import HOUSE
from tests.house.sandbox import GATEWAYS, Sandbox
from tests.house.waiting import until

pytestmark = HOUSE


async def tell(app: App, message: str, device: Device, status: str) -> dict[str, Any]:
    """The device reports that the notification was seen or opened."""
    body = {"deviceId": device.device_id, "status": status}
    answer = await app.ask("PUT", f"/messages/{message}", body, as_client=True)
    told: dict[str, Any] = answer.raise_for_status().json()
    return told


async def test_that_it_was_dispatched_and_sent_to_each_device(app: App) -> None:
    devices = [await app.register(platform, user_id="ada") for platform in GATEWAYS]
    message = await app.send("Hello, all")
    status = await app.ended(message)
    path = f"/messages/{message}/deliverystatus"
    listed = (await app.read(path))["deliveryStatus"]
    of_user = (await app.read(f"{path}?userId=ada"))["deliveryStatus"]
    paged = await app.read(f"{path}?size=3")

    assert status == "DISPATCHED"
    assert {(one["deviceId"], one["platform"]) for one in listed} == {
        (device.device_id, device.platform) for device in devices
    }
    assert {(one["userId"], one["status"]) for one in listed} == {("ada", "SENT")}
    assert {one["deviceId"] for one in of_user} == {one["deviceId"] for one in listed}
    assert paged["pageInfo"]["count"] == 3


async def test_that_devices_saw_and_opened_it_and_never_less_again(app: App) -> None:
    seer, opener, silent = [await app.register("G") for _ in range(3)]
    message = await app.send("Look here")
    await app.ended(message)
    await tell(app, message, seer, "SEEN")
    await tell(app, message, opener, "OPEN")
    last = await tell(app, message, opener, "SEEN")

    assert last["status"] == "OPEN"
    assert await app.outcomes(message) == {
        seer.device_id: ("SEEN", ""),
        opener.device_id: ("OPEN", ""),
        silent.device_id: ("SENT", ""),
    }


async def test_how_many_on_each_platform_came_how_far(app: App) -> None:
    phone, tablet = await app.register("A"), await app.register("G")
    await app.register("G", behaviour="dead")
    message = await app.send("Count me")
    await app.ended(message)
    await tell(app, message, tablet, "OPEN")
    report = await app.read(f"/messages/{message}/report")
    none = {"sent": 0, "seen": 0, "open": 0, "invalid": 0}

    assert report == {
        "messageId": message,
        **(none | {"sent": 1, "open": 1, "invalid": 1}),
        "platforms": {"A": none | {"sent": 1}, "G": none | {"open": 1, "invalid": 1}},
    }
    assert await app.outcome(message, phone) == "SENT"


async def test_that_a_gateway_refused_it_and_why(app: App, sandbox: Sandbox) -> None:
    fine, refused = await app.register("G"), await app.register("G", behaviour="unauthorized")
    message = await app.send("Not for all")

    assert await app.ended(message) == "DISPATCHED"
    assert await app.outcomes(message) == {
        fine.device_id: ("SENT", ""),
        refused.device_id: ("INVALID", "SENDER_ID_MISMATCH"),
    }


async def test_that_what_a_gateway_puts_off_is_pending_and_then_sent(
    app: App, sandbox: Sandbox
) -> None:
    prompt, late = await app.register("G"), await app.register("G")
    await sandbox.order(address=late.token, behaviour="throttled", retry_after=1, times=1)
    message = await app.send("Now or a little later")
    await sandbox.arrived(late.token)
    early = await until(lambda: app.outcome(message, prompt), "SENT".__eq__)
    waiting = await app.outcome(message, late)
    status = await app.ended(message)
    arrivals = await sandbox.arrivals(late.token)

    assert (early, waiting) == ("SENT", "PENDING")
    assert status == "DISPATCHED"
    assert await app.outcome(message, late) == "SENT"
    assert [each["status"] for each in arrivals] == [429, 200]
    assert len(await sandbox.arrivals(prompt.token)) == 1


async def test_nothing_more_of_one_that_was_cancelled_and_no_more_is_sent(
    app: App, sandbox: Sandbox
) -> None:
    cancelled_for, marker = await app.register("G"), await app.register("G")
    for device, seconds in ((cancelled_for, 1), (marker, 2)):
        await sandbox.order(
            address=device.token, behaviour="throttled", retry_after=seconds, times=1
        )
    cancelled = await app.send("Forget it", target={"deviceIds": [cancelled_for.device_id]})
    await sandbox.arrived(cancelled_for.token)
    deleted = await app.ask("DELETE", f"/messages/{cancelled}")
    later = await app.send("Still meant", target={"deviceIds": [marker.device_id]})
    # When this one is sent again, the other's time has been.
    await sandbox.arrived_times(marker.token, 2)
    listed = [one["messageId"] for one in (await app.read("/messages"))["messages"]]

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await app.ask("GET", f"/messages/{cancelled}")).status_code == 404
    assert listed == [later]
    assert [each["status"] for each in await sandbox.arrivals(cancelled_for.token)] == [429]
