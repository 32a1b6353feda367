"""What becomes of a device whose address is dead?"""

import pytest

from tests.house.app import App, Device
from tests.house.marks import HOUSE
from tests.house.sandbox import Sandbox
from tests.house.waiting import until

pytestmark = HOUSE


async def bury(app: App, sandbox: Sandbox, device: Device) -> str:
    """Send while the gateway says that the address is dead, until registry has heard of it."""
    await sandbox.order(address=device.token, behaviour="dead", times=1)
    message = await app.send("Is anybody there?")
    await app.ended(message)
    await until(lambda: client_status(app, device), (404).__eq__)
    return message


async def client_status(app: App, device: Device) -> int:
    answer = await app.ask("GET", f"/devices/{device.device_id}", as_client=True)
    return answer.status_code


@pytest.mark.parametrize(
    ("platform", "reason"),
    [("G", "UNREGISTERED"), ("A", "Unregistered"), ("WEB_CHROME", "410 errno 103")],
)
async def test_its_outcome_is_invalid_and_its_client_finds_it_gone(
    app: App, sandbox: Sandbox, platform: str, reason: str
) -> None:
    living, dead = await app.register("G"), await app.register(platform)
    message = await bury(app, sandbox, dead)
    listed = (await app.read("/devices"))["devices"]

    assert await app.outcomes(message) == {
        living.device_id: ("SENT", ""),
        dead.device_id: ("INVALID", reason),
    }
    assert [one["deviceId"] for one in listed] == [living.device_id]


async def test_it_is_not_sent_to_again(app: App, sandbox: Sandbox) -> None:
    living, dead = await app.register("G"), await app.register("G")
    await app.tag("rates", living, dead)
    await bury(app, sandbox, dead)
    targets = [{}, {"tagNames": ["rates"]}, {"platforms": ["G"]}]
    messages = [await app.send("To the living", target=target) for target in targets]
    for message in messages:
        await app.ended(message)
    reached = [set(await app.outcomes(message)) for message in messages]

    assert reached == [{living.device_id}] * 3
    assert [each["status"] for each in await sandbox.arrivals(dead.token)] == [404]


async def test_registering_again_revives_it_with_its_subscriptions(
    app: App, sandbox: Sandbox
) -> None:
    phone = await app.register("A")
    await app.tag("rates", phone)
    await bury(app, sandbox, phone)
    await app.vouch(phone)
    message = await app.send("Welcome back", target={"tagNames": ["rates"]})

    assert await client_status(app, phone) == 200
    assert await app.ended(message) == "DISPATCHED"
    assert await app.outcomes(message) == {phone.device_id: ("SENT", "")}
    assert [each["status"] for each in await sandbox.arrivals(phone.token)] == [410, 200]


async def test_a_word_that_is_older_than_its_registration_does_not_count(
    app: App, sandbox: Sandbox
) -> None:
    phone, other = await app.register("A"), await app.register("A")
    order = {"behaviour": "dead", "times": 1}
    await sandbox.order(address=phone.token, since=1_500_000_000, **order)
    await sandbox.order(address=other.token, **order)
    message = await app.send("Apple remembers an earlier installation")
    await app.ended(message)
    # Both reports travel together: when one has been heard, the other has too.
    await until(lambda: client_status(app, other), (404).__eq__)

    assert await app.outcome(message, phone) == "INVALID"
    assert await client_status(app, phone) == 200
