"""Does the server SDK for Swift find what it insists on?

It keeps only scheme and host of an override: it must be served on the default port.
"""

from tests.sdks.conftest import APP, Service
from tests.sdks.identity import API_KEY_GRANT, exchange


async def test_it_writes_booleans_as_strings_and_misspells_magenta(service: Service) -> None:
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


async def test_with_an_api_key_it_fetches_a_token_and_sends(service: Service) -> None:
    form = {
        "grant_type": API_KEY_GRANT,
        "response_type": "cloud_iam",
        "apikey": service.world.api_key,
    }
    token = await exchange(service, form, Accept="application/json")
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {token.json['access_token']}",
    }
    body = {"message": {"alert": "Hello from Swift"}}
    sent = await service.line.ask("POST", f"{APP}/messages/bulk", headers, [body])

    assert (token.status, sent.status) == (200, 202)
