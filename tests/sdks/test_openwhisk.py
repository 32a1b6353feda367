"""Do the OpenWhisk packages find what they insist on: a body of JSON, whatever the status?"""

from typing import Any

from tests.sdks.conftest import APP, Service
from tests.sdks.identity import API_KEY_GRANT, exchange
from tests.sdks.line import Answer


async def send(service: Service, body: Any, secret: str | None = None) -> Answer:
    """The action's request; falsy parameters are left out, the others go as they came."""
    headers = {
        "appSecret": service.app_secret if secret is None else secret,
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Language": "en-US",
        "Connection": "close",
    }
    return await service.line.ask("POST", f"{APP}/messages", headers, body)


async def test_the_action_passes_parameters_on_as_strings(service: Service) -> None:
    body = {
        "message": {"alert": "Hello from an action"},
        "settings": {
            "apns": {"badge": "3", "category": "accept", "type": "DEFAULT"},
            "gcm": {
                "timeToLive": "60",
                "delayWhileIdle": "true",
                "sync": "false",
                "priority": "default",
                "lights": {"ledArgb": "red", "ledOnMs": "10", "ledOffMs": "20"},
                "style": {"type": "inbox_notification", "title": "t", "lines": ["a", "b"]},
            },
            "fireFoxWeb": {"title": "an older spelling that nobody knows"},
        },
        "target": {"deviceIds": [], "tagNames": []},
    }
    answer = await send(service, body)

    assert answer.status == 202
    assert answer.json["messageId"]
    assert answer.json["message"]["alert"] == "Hello from an action"


async def test_the_successor_refreshes_its_token_with_a_public_client(service: Service) -> None:
    form = {"grant_type": API_KEY_GRANT, "apikey": service.world.api_key}
    first = await exchange(service, form, Authorization="Basic Yng6Yng=")
    form = {"grant_type": "refresh_token", "refresh_token": first.json["refresh_token"]}
    again = await exchange(service, form, Authorization="Basic Yng6Yng=")

    assert (first.status, again.status) == (200, 200)
    assert again.json["access_token"]


async def test_a_wrong_api_key_answers_json(service: Service) -> None:
    refused = await exchange(service, {"grant_type": API_KEY_GRANT, "apikey": "nonsense"})

    assert (refused.status, refused.json["code"]) == (401, "CARILLON0401E")


async def test_a_refused_secret_answers_json(service: Service) -> None:
    answer = await send(service, {"message": {"alert": "x"}}, "wrong")

    assert answer.status == 401
    assert answer.json.keys() == {"message", "code"}


async def test_a_missing_text_answers_json(service: Service) -> None:
    answer = await send(service, {"message": {}})

    assert (answer.status, answer.json["code"]) == (400, "FPWSE0005E")
