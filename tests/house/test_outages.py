"""What does a caller see while a room is away, and who mends it?"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE
from tests.house.waiting import until

pytestmark = HOUSE

# The edge gives another room two seconds.
DEADLINE_SECONDS = 4.0


@asynccontextmanager
async def away(world: World, room: str) -> AsyncIterator[None]:
    await world.house.stop_room(room)
    try:
        yield
    finally:
        await world.house.start_room(room)


async def call(app: App, room: str) -> httpx.Response:
    """Something that cannot be answered without this room."""
    match room:
        case "registry":
            return await app.ask("GET", "/devices")
        case "targeting":
            return await app.ask("POST", "/subscriptions", {"deviceId": "d", "tagName": "t"})
        case _:
            return await app.ask("GET", "/messages")


@pytest.mark.parametrize("room", ["registry", "targeting", "dispatch-api"])
async def test_an_early_503_that_says_when_to_ask_again_and_then_an_answer(
    world: World, app: App, room: str
) -> None:
    well = await call(app, room)
    async with away(world, room):
        began = time.monotonic()
        answers = await asyncio.gather(*(call(app, room) for _ in range(5)))
        seconds = time.monotonic() - began
        alive = await world.rest.get("/health/status")
    again = await until(lambda: call(app, room), lambda answer: answer.status_code != 503)

    assert [answer.status_code for answer in answers] == [503] * 5
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert all(answer.json()["code"] == "FPWSE0025E" for answer in answers)
    assert seconds < DEADLINE_SECONDS
    assert alive.status_code == 200
    assert again.status_code == well.status_code != 503


async def test_a_message_waits_for_targeting_and_is_delivered(world: World, app: App) -> None:
    phone = await app.register("G")
    await app.tag("rates", phone)
    async with away(world, "targeting"):
        message = await app.send("I can wait", target={"tagNames": ["rates"]})
        await until(
            lambda: app.read(f"/messages/{message}/status"),
            lambda answer: answer["status"] == "PROCESSING",
        )

    assert await app.ended(message) == "DISPATCHED"
    assert await app.outcomes(message) == {phone.device_id: ("SENT", "")}


async def test_devices_register_while_nothing_can_be_sent(world: World, app: App) -> None:
    async with away(world, "dispatch-api"):
        phone = await app.register("G")
    message = await until(
        lambda: app.ask("POST", "/messages", {"message": {"alert": "Now it can"}}),
        lambda answer: answer.status_code == 202,
    )
    await app.ended(message.json()["messageId"])

    assert await app.outcome(message.json()["messageId"], phone) == "SENT"
