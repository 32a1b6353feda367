"""Do logs and traces keep to themselves what was confided to the service?

Its name puts it last: it reads what the rooms wrote about everything the other tests did.
"""

import pytest_asyncio

from tests.house.app import App, Device
from tests.house.conftest import World
from tests.house.marks import HOUSE
from tests.house.sandbox import GATEWAYS

pytestmark = HOUSE

ALERT = "Your balance is 12345.67 EUR"
URL = "https://acme-bank.example/accounts/DE02120300000000202051"
PAYLOAD = {"iban": "DE02120300000000202051"}
VARIABLES = {"name": "Zaphod Beeblebrox"}
MESSAGE = {"alert": ALERT, "url": URL}
SETTINGS = {"gcm": {"payload": PAYLOAD}, "apns": {"payload": PAYLOAD}}
WORDS = {"12345.67", "DE02120300000000202051", "Beeblebrox"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(world: World) -> set[str]:
    """Everything that was confided, after some of it went well and some did not."""
    # A reset takes other requests of its connection along: each behaviour has its own message. A
    # refused credential keeps its application's next ones waiting: each has its own of these, too.
    for behaviour in ("ok", "dead", "unauthorized", "error", "reset"):
        app = await world.open_app()
        await confide(app, [await app.register(each, behaviour=behaviour) for each in GATEWAYS])
    await ask_wrongly(app)
    return world.secrets() | WORDS


async def confide(app: App, devices: list[Device]) -> None:
    """Send something private to each, and read what came of it."""
    for device in devices:
        body = {"token": device.token, "variables": VARIABLES}
        await app.ask("PUT", f"/devices/{device.device_id}", body, as_client=True)
    target = {"deviceIds": [device.device_id for device in devices]}
    body = {"message": MESSAGE, "settings": SETTINGS, "target": target}
    sent = await app.ask("POST", "/messages", body)
    await app.sandbox.arrived(devices[0].token)
    await app.outcomes(sent.json()["messageId"])


async def ask_wrongly(app: App) -> None:
    """Requests that are refused, with something private in each."""
    for path, body in (
        ("/messages", {"message": {"alert": f"{ALERT}\0"}}),
        ("/messages", {"message": MESSAGE | {"url": URL * 100}}),
        ("/messages", {"message": MESSAGE, "settings": {"gcm": {"payload": PAYLOAD, "sync": URL}}}),
        ("/devices", {"deviceId": "d", "platform": "G", "token": URL * 100}),
        ("/devices", {"deviceId": "d", "platform": "G", "token": URL, "variables": ALERT}),
    ):
        answer = await app.ask("POST", path, body)
        assert answer.status_code == 400
    wrong = {"appSecret": f"{app.demo.app_secret}x"}
    assert (await app.ask("GET", "/devices", headers=wrong)).status_code == 401


async def test_no_line_shows_it(world: World, told: set[str]) -> None:
    rooms = {room for room, _ in world.transcript.lines}

    assert rooms >= set(world.house.pids())
    assert world.transcript.quotes(told) == []


async def test_no_span_shows_it(world: World, told: set[str]) -> None:
    values = [value for span in world.receiver.spans for value in span.attributes.values()]
    whole = "\n".join(values)

    assert len(values) > 100
    assert [secret for secret in told if secret in whole] == []
