"""What is lost when a sender is killed or PostgreSQL is restarted?"""

import asyncio

from dev.postgres import restart
from tests.house.app import App
from tests.house.conftest import LEASE_SECONDS, World
from tests.house.marks import HOUSE
from tests.house.sandbox import Sandbox
from tests.house.waiting import LIMIT_SECONDS, until

pytestmark = HOUSE

CROWD = 24


async def test_no_delivery_of_a_broadcast_whose_sender_was_killed(
    world: World, app: App, sandbox: Sandbox
) -> None:
    prompt, slow = [
        await asyncio.gather(*(app.register("G") for _ in range(CROWD))) for _ in range(2)
    ]
    for device in slow:
        await sandbox.order(
            address=device.token, behaviour="slow", delay=2 * LIMIT_SECONDS, times=1
        )
    message = await app.send("Through thick and thin")
    # Half of them are on record, the other half are asked for and not answered.
    await until(lambda: app.outcomes(message), lambda outcomes: len(outcomes) == len(prompt))
    for device in slow:
        await sandbox.arrived(device.token)
    await world.house.kill_room("dispatch-sender")
    await world.house.start_room("dispatch-sender")
    status = await app.ended(message, limit=LEASE_SECONDS + LIMIT_SECONDS)
    report = await app.read(f"/messages/{message}/report")

    assert status == "DISPATCHED"
    assert await app.outcomes(message) == {
        device.device_id: ("SENT", "") for device in [*prompt, *slow]
    }
    assert report["sent"] == 2 * CROWD
    # What was on record is not sent again; what was not must be.
    assert {len(await sandbox.arrivals(device.token)) for device in prompt} == {1}
    assert {len(await sandbox.arrivals(device.token)) for device in slow} == {2}


async def test_no_request_under_way_of_a_sender_that_is_told_to_stop(
    world: World, app: App, sandbox: Sandbox
) -> None:
    slow = await asyncio.gather(*(app.register("G") for _ in range(CROWD)))
    for device in slow:
        await sandbox.order(address=device.token, behaviour="slow", delay=3, times=1)
    message = await app.send("One moment, please")
    for device in slow:
        await sandbox.arrived(device.token)
    loop = asyncio.get_running_loop()
    began = loop.time()
    # SIGTERM, and waiting until the process has ended by itself.
    await world.house.stop_room("dispatch-sender")
    seconds = loop.time() - began
    drained = await app.outcomes(message)
    await world.house.start_room("dispatch-sender")
    status = await app.ended(message)

    assert seconds < 30
    assert drained == {device.device_id: ("SENT", "") for device in slow}
    assert status == "DISPATCHED"
    assert {len(await sandbox.arrivals(device.token)) for device in slow} == {1}


async def test_nothing_that_was_accepted_before_postgresql_was_restarted(
    world: World, app: App
) -> None:
    phones = [await app.register("G") for _ in range(3)]
    await app.tag("rates", *phones)
    before = world.house.pids()
    bodies = [{}, {"tagNames": ["rates"]}, {"deviceIds": [phones[0].device_id]}]
    messages = [await app.send("Just before", target=target) for target in bodies]
    await asyncio.to_thread(restart, world.house.place.postgres_folder)
    for message in messages:
        await app.insist("GET", f"/messages/{message}/status")
    statuses = [await app.ended(message) for message in messages]
    reached = [len(await app.outcomes(message)) for message in messages]

    assert statuses == ["DISPATCHED"] * 3
    assert reached == [3, 3, 1]
    assert world.house.pids() == before


async def test_no_room_that_must_be_restarted_after_postgresql_was(world: World, app: App) -> None:
    before = world.house.pids()
    await asyncio.to_thread(restart, world.house.place.postgres_folder)
    calls: list[tuple[str, str, object]] = [
        ("POST", "/devices", {"deviceId": "d", "platform": "G", "token": "lost-and-found"}),
        ("POST", "/tags", {"name": "rates"}),
        ("POST", "/subscriptions", {"deviceId": "d", "tagName": "rates"}),
        ("POST", "/messages", {"message": {"alert": "All is well"}}),
        ("GET", "/devices/d", None),
    ]
    for method, path, body in calls:
        await app.insist(method, path, body)
    dead = await app.register("G", behaviour="dead")
    message = await app.send("The reporter works too", target={"deviceIds": [dead.device_id]})
    await app.ended(message)
    # A dead address goes from the sender over the reporter to registry, and targeting follows.
    await until(
        lambda: app.ask("GET", f"/devices/{dead.device_id}", as_client=True),
        lambda answer: answer.status_code == 404,
    )
    await app.ask("DELETE", "/devices/d")
    await until(
        lambda: app.read("/subscriptions?tagName=rates"),
        lambda listed: listed["subscriptions"] == [],
    )

    assert world.house.pids() == before
    assert world.house.ended_rooms == []
