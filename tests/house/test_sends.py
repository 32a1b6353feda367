"""Whom does a message reach?"""

from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.house.app import App, Device
from tests.house.conftest import World
from tests.house.marks import HOUSE

pytestmark = HOUSE


@dataclass(frozen=True, slots=True)
class Bank:
    """Ada has a phone and a tablet, Bob a browser; one browser is nobody's."""

    app: App
    devices: dict[str, Device]

    def name(self, device_id: str) -> str:
        return next(name for name, each in self.devices.items() if each.device_id == device_id)

    def target(self, kind: str, names: list[str] | str) -> dict[str, Any]:
        if kind == "deviceIds":
            names = [self.devices[name].device_id for name in names]
        return {kind: names}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bank(world: World) -> Bank:
    app = await world.open_app()
    devices = {
        "phone": await app.register("A", user_id="ada"),
        "tablet": await app.register("G", user_id="ada"),
        "browser": await app.register("WEB_CHROME", user_id="bob"),
        "kiosk": await app.register("WEB_FIREFOX"),
    }
    await app.tag("mortgage-rates", devices["tablet"], devices["kiosk"])
    await app.tag("offers", devices["browser"], devices["kiosk"])
    await app.tag("nobody-subscribed")
    return Bank(app, devices)


@pytest.mark.parametrize(
    ("kind", "names", "reached"),
    [
        ("tagNames", [], {"phone", "tablet", "browser", "kiosk"}),
        ("tagNames", ["Push.ALL"], {"phone", "tablet", "browser", "kiosk"}),
        ("tagNames", ["mortgage-rates"], {"tablet", "kiosk"}),
        ("tagNames", ["mortgage-rates", "offers"], {"tablet", "browser", "kiosk"}),
        ("userIds", ["ada"], {"phone", "tablet"}),
        ("userIds", ["ada", "bob", "eve"], {"phone", "tablet", "browser"}),
        ("deviceIds", ["phone"], {"phone"}),
        ("deviceIds", ["phone", "phone", "kiosk"], {"phone", "kiosk"}),
        ("platforms", ["G"], {"tablet"}),
        ("platforms", ["A", "WEB_CHROME", "WEB_SAFARI"], {"phone", "browser"}),
        ("expression", "mortgage-rates AND NOT offers", {"tablet"}),
        ("expression", "NOT mortgage-rates", {"phone", "browser"}),
        ("expression", "A or (offers and not WEB_CHROME)", {"phone", "kiosk"}),
    ],
)
async def test_those_whom_its_target_means_and_nobody_else(
    bank: Bank, kind: str, names: list[str] | str, reached: set[str]
) -> None:
    message = await bank.app.send("Whom it may concern", target=bank.target(kind, names))
    status = await bank.app.ended(message)
    outcomes = await bank.app.outcomes(message)
    texts = {
        name: [str(each["payload"]) for each in await bank.app.sandbox.arrivals(device.token)]
        for name, device in bank.devices.items()
    }
    got = [name for name, payloads in texts.items() for text in payloads if message in text]

    assert status == "DISPATCHED"
    assert outcomes == {bank.devices[name].device_id: ("SENT", "") for name in reached}
    assert sorted(got) == sorted(reached)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("tagNames", ["nobody-subscribed", "never-made"]),
        ("userIds", ["eve"]),
        ("platforms", ["APPEXT_CHROME"]),
        ("expression", "mortgage-rates AND G AND A"),
        ("expression", "nobody-subscribed AND mortgage-rates"),
    ],
)
async def test_nobody_is_told_as_failed(bank: Bank, kind: str, names: list[str] | str) -> None:
    message = await bank.app.send("To nobody", target={kind: names})

    assert await bank.app.ended(message) == "FAILED"
    assert await bank.app.outcomes(message) == {}


async def test_a_device_of_an_unknown_id_fails_nothing_for_the_others(bank: Bank) -> None:
    phone = bank.devices["phone"].device_id
    message = await bank.app.send("One is unknown", target={"deviceIds": [phone, "unknown"]})

    assert await bank.app.ended(message) == "DISPATCHED"
    assert set(await bank.app.outcomes(message)) == {phone}


async def test_an_expression_with_an_unknown_tag_is_refused_before_anything_is_sent(
    bank: Bank,
) -> None:
    body = {"message": {"alert": "To whom?"}, "target": {"expression": "NOT ofers"}}
    answer = await bank.app.ask("POST", "/messages", body)

    assert (answer.status_code, answer.json()["code"]) == (404, "FPWSE0001E")
    assert "ofers" in answer.json()["message"]


async def test_those_of_each_message_sent_in_bulk(bank: Bank) -> None:
    wanted = ["ada", "bob"]
    bodies = [
        {"message": {"alert": f"Only for {user}"}, "target": {"userIds": [user]}} for user in wanted
    ]
    sent = await bank.app.ask("POST", "/messages/bulk", bodies)
    messages = sent.json()["messages"]
    for each in messages:
        await bank.app.ended(each["messageId"])
    reached = [
        {bank.name(device_id) for device_id in await bank.app.outcomes(each["messageId"])}
        for each in messages
    ]

    assert sent.status_code == 202
    assert [each["alert"] for each in messages] == ["Only for ada", "Only for bob"]
    assert reached == [{"phone", "tablet"}, {"browser"}]


async def test_once_however_often_a_request_is_repeated_under_one_key(bank: Bank) -> None:
    body = {"message": {"alert": "Once"}, "target": {"userIds": ["bob"]}}
    answers = [
        await bank.app.ask("POST", "/messages", body, headers={"Idempotency-Key": "payment-17"})
        for _ in range(3)
    ]
    (message,) = {answer.json()["messageId"] for answer in answers}
    await bank.app.ended(message)
    arrivals = await bank.app.sandbox.arrivals(bank.devices["browser"].token)

    assert [answer.status_code for answer in answers] == [202] * 3
    assert sum(message in str(each["payload"]) for each in arrivals) == 1


async def test_not_a_platform_that_the_owner_has_not_configured(world: World) -> None:
    app = await world.open_app()
    phone, browser = await app.register("A"), await app.register("WEB_CHROME")
    await app.ask("DELETE", "/settings/chromeWebConf")
    message = await app.send("As far as it goes")

    assert await app.ended(message) == "DISPATCHED"
    assert await app.outcomes(message) == {
        phone.device_id: ("SENT", ""),
        browser.device_id: ("FAILED", "GatewayNotConfigured"),
    }
