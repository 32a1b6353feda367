"""Do the server SDKs find what they insist on: Node, Java, Swift, Go?

Each has two modes: with the appSecret, and with an API key that is exchanged for a token.
"""

import gzip
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.sdks.conftest import APP, Service

NODE_MESSAGE = {
    "message": {"alert": "Hello from Node", "url": "https://acme.example.com"},
    "settings": {
        "apns": {"badge": 1, "interactiveCategory": None, "type": "DEFAULT", "payload": {"k": 1}},
        "gcm": {
            "collapseKey": None,
            "delayWhileIdle": True,
            "payload": {"k": [1, {"n": None}]},
            "priority": "HIGH",
            "timeToLive": 10.0,
            "visibility": "PRIVATE",
            "style": {"type": "BIGTEXT_NOTIFICATION", "title": "t", "text": "x", "url": None},
            "lights": {"ledArgb": "GREEN", "ledOnMs": 100, "ledOffMs": "200"},
        },
        "chromeWeb": None,
        "firefoxWeb": {"title": "t", "payload": "{}"},
    },
    "target": {"deviceIds": None, "userIds": None, "platforms": ["G", "A"], "tagNames": []},
}


async def node(service: Service, path: str, body: Any) -> Any:
    """Node writes `Content-type`, and hands whatever comes to its caller."""
    headers = {
        "Content-type": "application/json",
        "appSecret": service.app_secret,
        "Connection": "close",
    }
    return await service.line.ask("POST", APP + path, headers, body)


async def test_node_sends_nulls_for_what_is_unset_and_gets_202(service: Service) -> None:
    answer = await node(service, "/messages", NODE_MESSAGE)

    assert answer.status == 202
    assert answer.json["message"]["message"] == NODE_MESSAGE["message"]
    assert answer.json["message"]["settings"] == NODE_MESSAGE["settings"]


async def test_nodes_bulk_often_holds_the_same_object_twice(service: Service) -> None:
    answer = await node(service, "/messages/bulk", [NODE_MESSAGE, NODE_MESSAGE])

    assert answer.status == 202
    assert len({one["messageId"] for one in answer.json["messages"]}) == 2


async def java(service: Service, path: str, body: Any, **headers: str) -> Any:
    sent = {"Content-Type": "application/json", "appSecret": service.app_secret, **headers}
    return await service.line.ask("POST", APP + path, sent, body)


async def test_java_takes_202_only(service: Service) -> None:
    body = {
        "message": {"alert": "Hello from Java"},
        "settings": {
            "gcm": {"priority": "MAX", "visibility": "SECRET", "type": "SILENT"},
            "apns": {"type": "MIXED", "titleLocArgs": ["a"], "sound": "s.wav"},
            "safariWeb": {"title": "t", "urlArgs": ["a"], "action": "Open"},
        },
        "target": {"platforms": ["A", "G", "WEB_CHROME", "WEB_FIREFOX", "APPEXT_CHROME"]},
    }
    one = await java(service, "/messages", body)
    many = await java(service, "/messages/bulk", [body])

    assert (one.status, many.status) == (202, 202)


async def test_swift_writes_booleans_as_strings_and_misspells_magenta(service: Service) -> None:
    body = {
        "message": {"alert": "Hello from Swift"},
        "settings": {
            "gcm": {
                "delayWhileIdle": "false",
                "sync": "true",
                "timeToLive": 42.0,
                "visibility": "Private",
                "priority": "High",
                "lights": {"ledArgb": "Magneta", "ledOnMs": 1, "ledOffMs": 1},
            },
            "chromeWeb": {"timeToLive": 3600.0},
        },
    }
    headers = {"Content-Type": "application/json", "appSecret": service.app_secret}
    answer = await service.line.ask("POST", f"{APP}/messages", headers, body)

    assert answer.status == 202
    assert answer.json["message"]["settings"] == body["settings"]


class Go:
    """Generated code: it unmarshals strictly, and may compress what it sends."""

    def __init__(self, service: Service) -> None:
        self._line = service.line
        self._headers = {
            "Accept": "application/json",
            "Accept-Language": "en-US",
            "appSecret": service.app_secret,
            "User-Agent": "push-notifications-go-sdk/0.0.1 (lang=go; arch=amd64; os=linux)",
            "Accept-Encoding": "identity",
        }

    async def ask(self, method: str, path: str, body: Any = None, *, compress: bool = False) -> Any:
        headers, content = dict(self._headers), b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        if compress:
            headers["Content-Encoding"] = "gzip"
            content = gzip.compress(content)
        return await self._line.ask(method, APP + path, headers, content=content)


@pytest.fixture
async def go(service: Service) -> Go:
    return Go(service)


@pytest.mark.parametrize("compress", [False, True])
async def test_go_gets_back_the_types_that_it_sent(go: Go, *, compress: bool) -> None:
    body = {
        "message": {"alert": "Hello from Go"},
        "settings": {
            "gcm": {"lights": {"ledArgb": "BLACK", "ledOnMs": 3, "ledOffMs": "4"}},
            "chromeWeb": {"payload": '{"k": 1}', "timeToLive": 5},
        },
        "validate": True,
    }
    answer = await go.ask("POST", "/messages", body, compress=compress)

    assert answer.status == 202
    echo = answer.json["message"]
    assert {name: echo[name] for name in body} == body


async def test_gos_bulk_is_listed_with_strings_only(go: Go) -> None:
    answer = await go.ask("POST", "/messages/bulk", [{"message": {"alert": "one"}}])

    (entry,) = answer.json["messages"]
    assert entry.keys() == {"createdTime", "messageId", "alert", "href"}
    assert all(isinstance(value, str) for value in entry.values())


async def test_go_configures_chrome_reads_it_back_and_deletes_it(go: Go) -> None:
    """What the Terraform provider does, which wants to read what it has just written."""
    conf = {"apiKey": "AAAA", "webSiteUrl": "https://acme.example.com"}

    put = await go.ask("PUT", "/settings/chromeWebConf", conf)
    read = await go.ask("GET", "/settings/chromeWebConf")
    listed = await go.ask("GET", "/settings")
    gone = await go.ask("DELETE", "/settings/chromeWebConf")
    missing = await go.ask("GET", "/settings/chromeWebConf")

    assert (put.status, read.status, gone.status, missing.status) == (200, 200, 204, 404)
    assert {name: read.json[name] for name in conf} == conf
    assert isinstance(listed.json["chromeWebConf"], str)
    assert missing.json["code"] == "FPWSE0003E"


async def test_go_reads_the_public_settings(service: Service, go: Go) -> None:
    await service.configure_android()
    go._headers["clientSecret"] = service.client_secret

    sender = await go.ask("GET", "/settings/gcmConfPublic")
    key = await go.ask("GET", "/settings/webpushServerKey")

    assert sender.json == {"senderId": "123456789012"}
    assert isinstance(key.json["webpushServerKey"], str)


API_KEY_GRANT = "urn:ibm:params:oauth:grant-type:apikey"


async def exchange(service: Service, form: dict[str, str], **headers: str) -> Any:
    """What the SDKs ask of the identity service; on this host they find it here."""
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    content = urlencode(form).encode()
    return await service.line.ask("POST", "/identity/token", sent, content=content)


@pytest.mark.parametrize(
    ("extra", "headers"),
    [
        ({}, {}),
        ({"response_type": "cloud_iam"}, {"Accept": "application/json"}),
        ({}, {"Accept": "application/json", "Authorization": "Basic Yng6Yng="}),
    ],
    ids=["java", "node and swift", "openwhisk"],
)
async def test_an_api_key_becomes_a_token_that_sends(
    service: Service, extra: dict[str, str], headers: dict[str, str]
) -> None:
    """Java needs 200, a string and an integer in seconds; it renews once that has passed."""
    form = {"grant_type": API_KEY_GRANT, "apikey": service.world.api_key, **extra}
    token = await exchange(service, form, **headers)

    assert token.status == 200
    assert isinstance(token.json["access_token"], str)
    assert isinstance(token.json["expiration"], int)
    assert token.json["token_type"] == "Bearer"

    bearer = {
        "Authorization": f"Bearer {token.json['access_token']}",
        "Content-Type": "application/json",
    }
    sent = await service.line.ask("POST", f"{APP}/messages", bearer, {"message": {"alert": "x"}})

    assert sent.status == 202


async def test_a_token_is_refreshed(service: Service) -> None:
    """The Python client does, and ow2's token manager."""
    first = await exchange(service, {"grant_type": API_KEY_GRANT, "apikey": service.world.api_key})
    form = {"grant_type": "refresh_token", "refresh_token": first.json["refresh_token"]}
    again = await exchange(service, form, Authorization="Basic Yng6Yng=")

    assert again.status == 200
    assert again.json["access_token"]


async def test_a_wrong_api_key_is_told_in_json(service: Service) -> None:
    refused = await exchange(service, {"grant_type": API_KEY_GRANT, "apikey": "nonsense"})

    assert (refused.status, refused.json["code"]) == (401, "CARILLON0401E")
