"""Does the Node SDK find what it insists on?"""

from typing import Any

from tests.sdks.conftest import APP, Service
from tests.sdks.identity import API_KEY_GRANT, exchange
from tests.sdks.line import Answer

MESSAGE = {
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


async def send(service: Service, path: str, body: Any, **credential: str) -> Answer:
    """The header is written `Content-type`; whatever comes is handed to the caller."""
    headers = {
        "Content-type": "application/json",
        **(credential or {"appSecret": service.app_secret}),
        "Connection": "keep-alive",
    }
    return await service.line.ask("POST", APP + path, headers, body)


async def test_it_sends_nulls_for_what_is_unset_and_gets_202(service: Service) -> None:
    answer = await send(service, "/messages", MESSAGE)

    assert answer.status == 202
    assert answer.json["message"]["message"] == MESSAGE["message"]
    assert answer.json["message"]["settings"] == MESSAGE["settings"]


async def test_its_bulk_often_holds_the_same_object_twice(service: Service) -> None:
    answer = await send(service, "/messages/bulk", [MESSAGE, MESSAGE])

    assert answer.status == 202
    assert len({one["messageId"] for one in answer.json["messages"]}) == 2


async def test_with_an_api_key_it_fetches_a_token_and_sends(service: Service) -> None:
    form = {
        "grant_type": API_KEY_GRANT,
        "response_type": "cloud_iam",
        "apikey": service.world.api_key,
    }
    token = await exchange(service, form, Accept="application/json")
    assert token.status == 200

    bearer = f"Bearer {token.json['access_token']}"
    answer = await send(service, "/messages", MESSAGE, Authorization=bearer)

    assert answer.status == 202
