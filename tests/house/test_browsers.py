"""Does what we send arrive in a real browser, decrypted by it and shown?"""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.house.app import App
from tests.house.browsers import firefox
from tests.house.browsers.autopush import DECRYPTED, Autopush
from tests.house.browsers.site import Site, serving
from tests.house.marks import HOUSE

pytestmark = [
    HOUSE,
    pytest.mark.skipif(not firefox.PROGRAM, reason="Firefox is not here: apt install firefox-esr"),
]


def write_token(subscription: dict[str, Any]) -> str:
    """The device token that the web SDK makes of a subscription: standard base64, padded."""
    keys = {
        name: base64.b64encode(base64.urlsafe_b64decode(text + "==")).decode()
        for name, text in subscription["keys"].items()
    }
    return json.dumps(
        {
            "endpoint": subscription["endpoint"],
            "userPublicKey": keys["p256dh"],
            "userAuth": keys["auth"],
        }
    )


async def test_firefox_decrypts_and_acknowledges_it(app: App, tmp_path: Path) -> None:
    key = (await app.read("/settings/webpushServerKey"))["webpushServerKey"]
    autopush = Autopush()
    site = Site(key, autopush.routes())
    async with serving(site):
        autopush.base = site.url
        push_server = f"ws://localhost:{site.port}/push"
        async with firefox.showing(site.url, push_server, tmp_path / "profile"):
            token = write_token(await site.subscribed())
            app.secrets.add(token)
            body = {"deviceId": "firefox", "token": token, "platform": "WEB_FIREFOX"}
            registered = await app.ask("POST", "/devices", body, as_client=True)
            message_id = await app.send(
                "Your card was used in Zürich",
                target={"deviceIds": ["firefox"]},
                settings={"firefoxWeb": {"title": "ACME Bank", "payload": {"amount": "12.50"}}},
            )
            received = await site.received()
            async with asyncio.timeout(10):
                code = await autopush.acknowledged.get()
        status = await app.ended(message_id)

    assert registered.status_code == 201
    assert (received["title"], received["alert"]) == ("ACME Bank", "Your card was used in Zürich")
    assert json.loads(received["payload"]) == {"amount": "12.50", "nid": message_id}
    assert code == DECRYPTED
    assert status == "DISPATCHED"
    assert autopush.requests[0]["ttl"].isdigit()
