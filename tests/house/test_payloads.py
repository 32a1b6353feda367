"""What arrives on a device?"""

import json
from typing import Any

from tests.house.app import App, Device
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


EVERYTHING = {
    "apns": {
        "badge": "3",
        "sound": "bell.caf",
        "title": "ACME",
        "subtitle": "Payments",
        "iosActionKey": "PAY",
        "interactiveCategory": "PAYMENT",
        "titleLocKey": "TK",
        "locKey": "LK",
        "titleLocArgs": ["a"],
        "locArgs": ["b"],
        "launchImage": "l.png",
        "attachmentUrl": "https://acme-bank.example/p.png",
        "apnsCollapseId": "balance",
        "apnsThreadId": "account-1",
        "apnsGroupSummaryArg": "Ada",
        "apnsGroupSummaryArgCount": 2,
        "type": "MIXED",
        "timeToLive": 3600,
    },
    "gcm": {
        "androidTitle": "ACME",
        "collapseKey": "balance",
        "delayWhileIdle": "true",
        "timeToLive": 3600.0,
        "priority": "MIN",
        "sound": "bell",
        "icon": "coin",
        "interactiveCategory": "PAYMENT",
        "visibility": "Private",
        "redact": "Something happened",
        "lights": {"ledArgb": "Magneta", "ledOnMs": "100", "ledOffMs": 200},
        "style": {"type": "INBOX_NOTIFICATION", "title": "Payments", "lines": ["one", "two"]},
    },
    "chromeWeb": {"timeToLive": 60, "urgency": "low", "topic": "balance"},
}


async def test_every_setting_on_ios(app: App, sandbox: Sandbox) -> None:
    device = await app.register("A")
    await app.send(ALERT, settings=EVERYTHING)
    arrival = await sandbox.arrived(device.token)

    assert arrival["payload"]["aps"] == {
        "alert": {
            "title": "ACME",
            "subtitle": "Payments",
            "body": ALERT,
            "action-loc-key": "PAY",
            "title-loc-key": "TK",
            "title-loc-args": ["a"],
            "loc-key": "LK",
            "loc-args": ["b"],
            "launch-image": "l.png",
            "summary-arg": "Ada",
            "summary-arg-count": 2,
        },
        "badge": 3,
        "sound": "bell.caf",
        "category": "PAYMENT",
        "thread-id": "account-1",
        "content-available": 1,
        "mutable-content": 1,
    }
    assert arrival["payload"]["attachment-url"] == "https://acme-bank.example/p.png"
    assert arrival["headers"]["apns-collapse-id"] == "balance"
    assert arrival["headers"]["apns-push-type"] == "alert"


async def test_every_setting_on_android(app: App, sandbox: Sandbox) -> None:
    device = await app.register("G")
    await app.send(ALERT, settings=EVERYTHING)
    payload = (await sandbox.arrived(device.token))["payload"]
    data, envelope = payload["data"], payload["android"]

    assert json.loads(data.pop("lights")) == {
        "ledARGB": "magenta",
        "ledOnMS": 100,
        "ledOffMS": 200,
    }
    assert json.loads(data.pop("style")) == {
        "type": "inbox_notification",
        "title": "Payments",
        "lines": "one,two",
    }
    assert data.pop("payload")
    assert data == {
        "alert": ALERT,
        "has-template": "0",
        "androidTitle": "ACME",
        "priority": "min",
        "sound": "bell",
        "icon": "coin",
        "interactiveCategory": "PAYMENT",
        "visibility": "private",
        "redact": "Something happened",
    }
    assert (envelope["priority"], envelope["collapseKey"]) == ("NORMAL", "balance")
    assert 3590 <= int(envelope["ttl"].removesuffix("s")) <= 3600


async def test_how_a_browser_is_asked_for(app: App, sandbox: Sandbox) -> None:
    device = await app.register("WEB_CHROME")
    await app.send(ALERT, settings=EVERYTHING)
    headers = (await sandbox.arrived(device.token))["headers"]

    assert (headers["urgency"], headers["topic"]) == ("low", "balance")
    assert 50 <= int(headers["ttl"]) <= 60


async def test_no_text_of_a_silent_message_and_nothing_in_a_browser(
    app: App, sandbox: Sandbox
) -> None:
    phone, browser = await app.register("A"), await app.register("WEB_CHROME")
    body = {"message": {}, "settings": {"apns": {"type": "SILENT", "badge": 1}}}
    message = (await app.ask("POST", "/messages", body)).json()["messageId"]
    arrival = await sandbox.arrived(phone.token)

    assert arrival["payload"]["aps"] == {"content-available": 1}
    assert arrival["headers"]["apns-push-type"] == "background"
    assert arrival["headers"]["apns-priority"] == "5"
    assert await app.ended(message) == "DISPATCHED"
    assert (await app.outcomes(message))[browser.device_id] == ("FAILED", "NothingToShow")


SAFARI = {"title": "ACME", "urlArgs": ["17"], "action": "Pay", "iconUrl": "/i.png"}


async def test_an_old_safari_gets_a_web_sites_push(app: App, sandbox: Sandbox) -> None:
    device = await app.register("WEB_SAFARI")
    await app.send(ALERT, settings={"safariWeb": SAFARI})
    arrival = await sandbox.arrived(device.token)

    assert arrival["status"] == 200
    assert arrival["headers"]["apns-topic"].startswith("web.")
    assert arrival["payload"] == {
        "aps": {
            "alert": {"title": "ACME", "body": ALERT, "action": "Pay"},
            "url-args": ["17"],
        }
    }


async def test_a_new_safari_gets_what_other_browsers_get(app: App, sandbox: Sandbox) -> None:
    token = await sandbox.fresh("WEB_CHROME")
    device = Device("safari", "WEB_SAFARI", token)
    await app.vouch(device)
    message = await app.send(ALERT, settings={"safariWeb": SAFARI})
    payload = (await sandbox.arrived(token))["payload"]

    assert json.loads(payload.pop("payload")) == {"nid": message}
    assert payload == {"title": "ACME", "alert": ALERT, "iconUrl": "/i.png"}


async def test_a_chrome_app_gets_data_of_strings(app: App, sandbox: Sandbox) -> None:
    device = await app.register("APPEXT_CHROME")
    options = {"title": "ACME", "iconUrl": "/i.png", "payload": {"a": 1}, "collapseKey": "k"}
    message = await app.send(ALERT, settings={"chromeAppExt": options})
    payload = (await sandbox.arrived(device.token))["payload"]
    data = payload["data"]

    assert json.loads(data.pop("payload")) == {"a": 1, "nid": message}
    assert data == {"alert": ALERT, "title": "ACME", "iconUrl": "/i.png"}
    assert payload["android"]["collapseKey"] == "k"


async def test_a_channel_with_its_group_on_android(app: App, sandbox: Sandbox) -> None:
    await app.ask("POST", "/channelGroups", {"groupId": "money", "groupName": "Money"})
    channel = {"channelId": "alerts", "channelName": "Alerts", "groupId": "money"}
    await app.ask("POST", "/channels", channel)
    device = await app.register("G")
    await app.send("Paid", settings={"gcm": {"channelId": "alerts"}})
    data = (await sandbox.arrived(device.token))["payload"]["data"]
    written = json.loads(data["channel"])

    assert written["channelName"] == "Alerts"
    assert json.loads(written["groupJson"]) == {"groupId": "money", "groupName": "Money"}


async def test_what_is_opened_on_one_phone_goes_from_the_users_others(
    app: App, sandbox: Sandbox
) -> None:
    opened = await app.register("G", user_id="ada")
    others = [await app.register(platform, user_id="ada") for platform in ("G", "A")]
    stranger = await app.register("G", user_id="bob")
    message = await app.send("Paid", settings={"gcm": {"sync": True}})
    await app.ended(message)
    body = {"deviceId": opened.device_id, "status": "OPEN"}
    for _ in range(2):
        answer = await app.ask("PUT", f"/messages/{message}", body, as_client=True)
        assert answer.is_success, answer.text
    _, dismissal = await sandbox.arrived_times(others[0].token, 2)
    after = await app.send("Next", target={"deviceIds": [opened.device_id, stranger.device_id]})
    await app.ended(after)

    assert dismissal["payload"]["data"] == {
        "action": "com.ibm.mobilefirstplatform.clientsdk.android.push.DISMISS_NOTIFICATION",
        "nid": message,
    }
    assert dismissal["payload"]["android"]["priority"] == "NORMAL"
    assert len(await sandbox.arrivals(others[1].token)) == 1
    for device in (opened, stranger):
        texts = [each["payload"]["data"]["alert"] for each in await sandbox.arrivals(device.token)]
        assert texts == ["Paid", "Next"]
    listed = (await app.read("/messages"))["messages"]
    assert {each["alert"] for each in listed} == {"Paid", "Next"}
    assert (await app.read("/messages/report"))["total"]["sent"] == 4 + 2


async def test_the_owner_reads_back_what_was_submitted(app: App) -> None:
    body = {"message": {"alert": ALERT, "url": URL}, "settings": SETTINGS, "target": {}}
    message = (await app.ask("POST", "/messages", body)).json()["messageId"]
    read = await app.read(f"/messages/{message}")

    assert read["alert"] == ALERT
    assert {name: read[name] for name in body} == body
