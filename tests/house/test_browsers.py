"""Does what we send arrive in a real browser, decrypted by it and shown?"""

import asyncio
import base64
import json
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.sandbox import certificates
from tests.house.app import App
from tests.house.browsers import chromium, firefox
from tests.house.browsers.autopush import DECRYPTED, Autopush
from tests.house.browsers.gcm import Gcm
from tests.house.browsers.site import Site, serving
from tests.house.marks import HOUSE

pytestmark = HOUSE

ALERT = "Your card was used in Zürich"


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


async def deliver(app: App, site: Site, platform: str, settings: str) -> tuple[str, Any]:
    """Register what the page subscribes to, send to it, and wait for its worker to receive it.

    Gives the message's id and what the worker was pushed.
    """
    token = write_token(await site.subscribed())
    app.secrets.add(token)
    body = {"deviceId": "browser", "token": token, "platform": platform}
    registered = await app.ask("POST", "/devices", body, as_client=True)
    assert registered.status_code == 201, registered.text
    message_id = await app.send(
        ALERT,
        target={"deviceIds": ["browser"]},
        settings={settings: {"title": "ACME Bank", "payload": {"amount": "12.50"}}},
    )
    return message_id, await site.received()


def check(message_id: str, received: Any) -> None:
    assert (received["title"], received["alert"]) == ("ACME Bank", ALERT)
    assert json.loads(received["payload"]) == {"amount": "12.50", "nid": message_id}


@pytest.mark.skipif(not firefox.PROGRAM, reason="Firefox is not here: apt install firefox-esr")
async def test_firefox_decrypts_it_and_says_so(app: App, tmp_path: Path) -> None:
    autopush = Autopush()
    site = Site(await read_key(app), autopush.routes())
    async with serving(site):
        autopush.base = site.url
        push_server = f"ws://localhost:{site.port}/push"
        async with firefox.showing(site.url, push_server, tmp_path / "profile"):
            message_id, received = await deliver(app, site, "WEB_FIREFOX", "firefoxWeb")
            async with asyncio.timeout(10):
                code = await autopush.acknowledged.get()

    check(message_id, received)
    assert code == DECRYPTED
    assert await app.ended(message_id) == "DISPATCHED"


@pytest.mark.skipif(not chromium.PROGRAM, reason="Chromium is not here: apt install chromium")
async def test_chromium_decrypts_it(app: App, tmp_path: Path) -> None:
    gcm = Gcm()
    site = Site(await read_key(app), gcm.routes())
    async with serving(site), await gcm.listen(open_tls(tmp_path)) as messages:
        site.stands_for_host = True
        port = messages.sockets[0].getsockname()[1]
        async with chromium.showing(site.url, port, tmp_path / "profile"):
            message_id, received = await deliver(app, site, "WEB_CHROME", "chromeWeb")

    check(message_id, received)
    assert await app.ended(message_id) == "DISPATCHED"


async def read_key(app: App) -> str:
    key: str = (await app.read("/settings/webpushServerKey"))["webpushServerKey"]
    return key


def open_tls(folder: Path) -> ssl.SSLContext:
    issued = certificates.obtain(folder, "localhost", datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.server_file, issued.server_key_file)
    return context
