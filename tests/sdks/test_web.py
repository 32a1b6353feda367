"""Does the web SDK find what it insists on?

BMSPushSDK calls from a page of another origin, so a preflight precedes everything. Statuses other
than those it knows leave its registration hanging without a word.
"""

import base64
import json
from typing import Any

import pytest

from tests.sdks.conftest import APP, Service
from tests.sdks.line import Answer

ORIGIN = "https://acme.example.com"
DEVICE = "31415926535897932384626433832795"
TOKEN = json.dumps(
    {
        "endpoint": "https://fcm.googleapis.com/fcm/send/dTq:APA91b",
        "userPublicKey": base64.b64encode(b"\4" + bytes(range(64))).decode(),
        "userAuth": base64.b64encode(bytes(16)).decode(),
    },
    separators=(",", ":"),
)
KNOWN = {200, 201, 404, 406, 500}


class Browser:
    """Asks before it calls, and shows the page an answer only if it may."""

    def __init__(self, service: Service) -> None:
        self._line = service.line
        self._secret = service.client_secret

    async def ask(self, method: str, path: str, body: Any = None, content: bytes = b"") -> Answer:
        preflight = await self._line.ask(
            "OPTIONS",
            APP + path,
            {
                "Origin": ORIGIN,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "clientsecret,content-type",
                "Accept": "*/*",
            },
        )
        self._admit(preflight, method)
        headers = {
            "Origin": ORIGIN,
            "Referer": f"{ORIGIN}/",
            "Accept": "*/*",
            "Accept-Language": "en-GB,en;q=0.9",
            "Content-Type": "application/json; charset = UTF-8",
            "clientSecret": self._secret,
        }
        content = content or (b"" if body is None else json.dumps(body).encode())
        answer = await self._line.ask(method, APP + path, headers, content=content)
        assert answer.headers["access-control-allow-origin"] in {"*", ORIGIN}
        return answer

    def _admit(self, preflight: Answer, method: str) -> None:
        assert 200 <= preflight.status < 300
        assert preflight.headers["access-control-allow-origin"] in {"*", ORIGIN}
        assert method in preflight.headers["access-control-allow-methods"]
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert {"clientsecret", "content-type"} <= {name.strip() for name in allowed.split(",")}
        assert int(preflight.headers["access-control-max-age"]) > 0

    async def register(self, user_id: str = "", token: str = TOKEN) -> tuple[int, Any]:
        """The status and body that the callback gets."""
        body = {"deviceId": DEVICE, "token": token, "platform": "WEB_CHROME"}
        if user_id:
            body["userId"] = user_id
        known = await self.ask("GET", f"/devices/{DEVICE}")
        assert known.status in KNOWN, "the registration would hang"
        if known.status == 404:
            created = await self.ask("POST", "/devices", body)
            assert created.status == 201
            return created.status, created.json
        stored = known.json
        same = (stored["token"], stored["deviceId"]) == (token, DEVICE)
        if same and (not user_id or stored["userId"] == user_id):
            return 201, stored
        updated = await self.ask("PUT", f"/devices/{DEVICE}", body)
        assert updated.status in {200, 201}
        return 200, updated.json


@pytest.fixture
async def browser(service: Service) -> Browser:
    return Browser(service)


async def test_it_registers_and_is_found_unchanged_afterwards(browser: Browser) -> None:
    created = await browser.register()
    again = await browser.register()

    assert created[1]["token"] == TOKEN, "the subscription comes back byte for byte"
    assert again == (201, created[1])


async def test_a_user_and_a_new_subscription_are_put(browser: Browser) -> None:
    await browser.register()
    token = TOKEN.replace("dTq", "other")
    status, stored = await browser.register("jane", token)

    assert (status, stored["userId"], stored["token"]) == (200, "jane", token)


async def test_it_unregisters_with_the_body_null(browser: Browser) -> None:
    await browser.register()
    gone = await browser.ask("DELETE", f"/devices/{DEVICE}", content=b"null")

    assert (gone.status, gone.content) == (204, b"")


async def test_it_subscribes_and_unsubscribes_in_bulk(service: Service, browser: Browser) -> None:
    await service.create_tags("news")
    await browser.register()
    body = {"deviceId": DEVICE, "tagNames": ["news"]}

    subscribed = await browser.ask("POST", "/subscriptions", body)
    listed = await browser.ask("GET", f"/subscriptions?deviceId={DEVICE}")
    ended = await browser.ask("POST", "/subscriptions?action=delete", body)

    assert {200 <= answer.status <= 300 for answer in (subscribed, listed, ended)} == {True}
    assert "news" in {one["tagName"] for one in listed.json["subscriptions"]}


async def test_it_lists_tags(service: Service, browser: Browser) -> None:
    await service.create_tags("news")
    tags = await browser.ask("GET", "/tags")

    assert [tag["name"] for tag in tags.json["tags"]] == ["news"]


async def test_each_open_tab_reports_seen_and_one_of_them_opened(
    service: Service, browser: Browser
) -> None:
    await browser.register()
    message_id = await service.world.send()

    for status in ("SEEN", "SEEN", "OPEN", "SEEN"):
        answer = await browser.ask(
            "PUT", f"/messages/{message_id}", {"deviceId": DEVICE, "status": status}
        )
        assert answer.status in {200, 201}

    assert answer.json["status"] == "OPEN"


async def test_a_page_may_read_what_is_wrong(service: Service) -> None:
    browser = Browser(service)
    browser._secret = "wrong"
    refused = await browser.ask("GET", f"/devices/{DEVICE}")

    assert (refused.status, refused.json["code"]) == (401, "CARILLON0401E")


async def test_it_is_asked_for_by_a_host_with_a_slash_too_many(
    service: Service, browser: Browser
) -> None:
    """`overrideServerHost` is used as it was given."""
    answer = await service.line.ask("GET", f"/{APP}/tags", {"clientSecret": service.client_secret})

    assert answer.status == 200


async def test_an_extension_reads_its_sender_first(service: Service, browser: Browser) -> None:
    conf = {"apiKey": "AAAA", "senderId": "123456789012"}
    await service.world.call("PUT", "/settings/chromeAppExtConf", json=conf)

    sender = await browser.ask("GET", "/settings/chromeAppExtConfPublic")

    assert (sender.status, sender.json) == (200, {"senderId": "123456789012"})
