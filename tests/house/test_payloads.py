"""What arrives on a device?"""

import json
from typing import Any

from tests.house.app import App
from tests.house.marks import HOUSE
from tests.house.sandbox import Sandbox

pytestmark = HOUSE

ALERT = "Paid 12,50 € to Zoë, “thanks”"
URL = "https://acme-bank.example/payments/17?x=1&y=ä"
SETTINGS = {
    "apns": {"title": "ACME Bank", "payload": {"payment": 17, "nid": "not ours"}},
    "gcm": {"androidTitle": "ACME", "payload": '{"payment": 18}'},
    "chromeWeb": {
        "title": "ACME on Chrome",
        "iconUrl": "https://acme-bank.example/icon.png",
        "payload": {"nested": {"list": [1, None, "ü"]}},
    },
    "firefoxWeb": {"title": "ACME on Firefox", "payload": "just a text"},
}


async def payload_on(app: App, sandbox: Sandbox, platform: str) -> tuple[str, dict[str, Any]]:
    """The message's id, and what the device of this platform got."""
    device = await app.register(platform)
    body = {"message": {"alert": ALERT, "url": URL}, "settings": SETTINGS}
    sent = await app.ask("POST", "/messages", body)
    app.secrets |= {ALERT, URL}
    payload: dict[str, Any] = (await sandbox.arrived(device.token))["payload"]
    return sent.json()["messageId"], payload


async def test_an_alert_dictionary_and_a_text_to_parse_on_ios(app: App, sandbox: Sandbox) -> None:
    message, payload = await payload_on(app, sandbox, "A")
    text = payload.pop("payload")

    assert payload == {"aps": {"alert": {"title": "ACME Bank", "body": ALERT}}, "url": URL}
    assert json.loads(text) == {"payment": 17, "nid": message}


async def test_data_of_strings_alone_on_android(app: App, sandbox: Sandbox) -> None:
    message, payload = await payload_on(app, sandbox, "G")
    data = payload["data"]
    text = data.pop("payload")

    assert "notification" not in payload
    assert data == {"alert": ALERT, "url": URL, "androidTitle": "ACME", "has-template": "0"}
    assert json.loads(text) == {"payment": 18, "nid": message}


async def test_what_the_service_worker_shows_on_chrome(app: App, sandbox: Sandbox) -> None:
    message, payload = await payload_on(app, sandbox, "WEB_CHROME")
    text = payload.pop("payload")

    assert payload == {
        "alert": ALERT,
        "url": URL,
        "title": "ACME on Chrome",
        "iconUrl": "https://acme-bank.example/icon.png",
    }
    assert json.loads(text) == {"nested": {"list": [1, None, "ü"]}, "nid": message}


async def test_a_payload_that_is_no_object_under_its_own_name_on_firefox(
    app: App, sandbox: Sandbox
) -> None:
    message, payload = await payload_on(app, sandbox, "WEB_FIREFOX")
    text = payload.pop("payload")

    assert payload == {"alert": ALERT, "url": URL, "title": "ACME on Firefox"}
    assert json.loads(text) == {"payload": "just a text", "nid": message}


async def test_nothing_but_alert_and_id_where_nothing_else_was_said(
    app: App, sandbox: Sandbox
) -> None:
    phone, browser = await app.register("A"), await app.register("WEB_CHROME")
    message = await app.send("Plain")
    nid = json.dumps({"nid": message}, separators=(",", ":"))

    assert (await sandbox.arrived(phone.token))["payload"] == {
        "aps": {"alert": {"body": "Plain"}},
        "payload": nid,
    }
    assert (await sandbox.arrived(browser.token))["payload"] == {"alert": "Plain", "payload": nid}


async def test_a_mark_where_the_device_is_to_fill_in_a_template(app: App, sandbox: Sandbox) -> None:
    phone = await app.register("G")
    await app.send("Dear {{name}}")

    assert (await sandbox.arrived(phone.token))["payload"]["data"]["has-template"] == "1"


async def test_the_owner_reads_back_what_was_submitted(app: App) -> None:
    body = {"message": {"alert": ALERT, "url": URL}, "settings": SETTINGS, "target": {}}
    message = (await app.ask("POST", "/messages", body)).json()["messageId"]
    read = await app.read(f"/messages/{message}")

    assert read["alert"] == ALERT
    assert {name: read[name] for name in body} == body
