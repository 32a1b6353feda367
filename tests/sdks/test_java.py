"""Does the Java SDK find what it insists on?

It renews its token once `expiration`, an integer in seconds, has passed, or after a 401.
"""

from typing import Any

from tests.sdks.conftest import APP, Service
from tests.sdks.identity import API_KEY_GRANT, exchange
from tests.sdks.line import Answer


async def send(service: Service, path: str, body: Any, **credential: str) -> Answer:
    sent = {
        "Content-Type": "application/json",
        **(credential or {"appSecret": service.app_secret}),
        "User-Agent": "Java/1.8.0_292",
        "Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    }
    return await service.line.ask("POST", APP + path, sent, body)


async def test_it_takes_202_only(service: Service) -> None:
    body = {
        "message": {"alert": "Hello from Java"},
        "settings": {
            "gcm": {"priority": "MAX", "visibility": "SECRET", "type": "SILENT"},
            "apns": {"type": "MIXED", "titleLocArgs": ["a"], "sound": "s.wav"},
            "safariWeb": {"title": "t", "urlArgs": ["a"], "action": "Open"},
        },
        "target": {"platforms": ["A", "G", "WEB_CHROME", "WEB_FIREFOX", "APPEXT_CHROME"]},
    }
    one = await send(service, "/messages", body)
    many = await send(service, "/messages/bulk", [body])

    assert (one.status, many.status) == (202, 202)


async def test_with_an_api_key_it_fetches_a_token_and_sends(service: Service) -> None:
    token = await exchange(service, {"grant_type": API_KEY_GRANT, "apikey": service.world.api_key})

    assert token.status == 200
    assert isinstance(token.json["access_token"], str)
    assert isinstance(token.json["expiration"], int)

    bearer = f"Bearer {token.json['access_token']}"
    body = {"message": {"alert": "Hello from Java"}}
    sent = await send(service, "/messages", body, Authorization=bearer)

    assert sent.status == 202


async def test_a_token_that_is_none_is_told_401_so_that_it_is_renewed(service: Service) -> None:
    sent = await send(service, "/messages", {"message": {"alert": "x"}}, Authorization="Bearer x")

    assert (sent.status, sent.json["code"]) == (401, "CARILLON0401E")
