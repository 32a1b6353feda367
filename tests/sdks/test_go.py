"""Does the Go SDK find what it insists on, and the Terraform provider that uses it?"""

import gzip
import json
from typing import Any

import pytest

from tests.sdks.conftest import APP, Service
from tests.sdks.line import Answer


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

    async def ask(
        self, method: str, path: str, body: Any = None, *, compress: bool = False
    ) -> Answer:
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
async def test_it_gets_back_the_types_that_it_sent(go: Go, *, compress: bool) -> None:
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


async def test_its_bulk_is_listed_with_strings_only(go: Go) -> None:
    answer = await go.ask("POST", "/messages/bulk", [{"message": {"alert": "one"}}])

    (entry,) = answer.json["messages"]
    assert entry.keys() == {"createdTime", "messageId", "alert", "href"}
    assert all(isinstance(value, str) for value in entry.values())


async def test_it_configures_chrome_reads_it_back_and_deletes_it(go: Go) -> None:
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


async def test_it_reads_the_public_settings(service: Service, go: Go) -> None:
    await service.configure_android()
    go._headers["clientSecret"] = service.client_secret

    sender = await go.ask("GET", "/settings/gcmConfPublic")
    key = await go.ask("GET", "/settings/webpushServerKey")

    assert sender.json == {"senderId": "123456789012"}
    assert isinstance(key.json["webpushServerKey"], str)
