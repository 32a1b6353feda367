"""Does the iOS SDK find what it insists on?

Its sequences are those of BMSPushClient: exact statuses, forced casts to String, and lists whose
members are decoded as dictionaries of strings, so that one other value empties the whole list.
"""

from typing import Any

import pytest

from tests.sdks.conftest import APP, Service
from tests.sdks.line import Answer

DEVICE = "A0F7C9E2-5B1D-4C3A-9E8F-7D6C5B4A3F2E"
TOKEN = "0f" * 32


class Ios:
    """JSON with blanks around the `=` of charset, on requests of every kind."""

    def __init__(self, service: Service) -> None:
        self._line = service.line
        self._headers = {
            "Content-Type": "application/json; charset = UTF-8",
            "clientSecret": service.client_secret,
            "X-REWRITE-DOMAIN": "https://push.example.com",
            "x-wl-analytics-tracking-id": "B2C7A1E0-3F4D-4E5B-8A9C-0D1E2F3A4B5C",
            "x-mfp-analytics-metadata": '{"os":"iOS","brand":"Apple"}',
            "Authorization": "Bearer an-unrelated-token",
            "Accept": "*/*",
            "Accept-Language": "de-DE;q=1.0, en-DE;q=0.9",
            "User-Agent": "ACMEBank/1 CFNetwork/1410.0.3 Darwin/22.6.0",
        }

    async def ask(self, method: str, path: str, text: str = "") -> Answer:
        """Bodies are joined together as text, not written by an encoder."""
        return await self._line.ask(method, APP + path, self._headers, content=text.encode())

    async def register(self, user_id: str = "") -> dict[str, str]:
        known = await self.ask("GET", f"/devices/{DEVICE}")
        if known.status == 404:
            user = f',"userId": "{user_id}"' if user_id else ""
            text = f'{{"deviceId": "{DEVICE}", "token": "{TOKEN}", "platform": "A"{user}}}'
            registered = await self.ask("POST", "/devices", text)
            assert registered.status == 201
            return self._cast(registered)
        assert known.status == 200, "anything else crashes the app"
        stored = self._cast(known)
        unchanged = (stored["token"], stored["deviceId"]) == (TOKEN, DEVICE)
        if unchanged and stored["userId"] == (user_id or "anonymous"):
            return stored
        user = f',"userId": "{user_id}"' if user_id else ""
        updated = await self.ask(
            "PUT", f"/devices/{DEVICE}", f'{{"deviceId": "{DEVICE}", "token": "{TOKEN}"{user}}}'
        )
        assert updated.status == 200
        return self._cast(updated)

    def _cast(self, answer: Answer) -> dict[str, str]:
        told: dict[str, str] = answer.json
        assert all(isinstance(told[name], str) for name in ("token", "deviceId", "userId"))
        return told

    def decode(self, answer: Answer, plural: str, name: str) -> list[str]:
        """The names in a list; empty where one member of one entry is no string."""
        entries: list[dict[str, Any]] = answer.json[plural]
        if any(not isinstance(value, str) for entry in entries for value in entry.values()):
            return []
        return [entry[name] for entry in entries]


@pytest.fixture
async def ios(service: Service) -> Ios:
    return Ios(service)


async def test_absent_it_registers_with_201_and_the_token_comes_back(ios: Ios) -> None:
    assert (await ios.register())["token"] == TOKEN


async def test_a_user_is_put_without_a_platform_and_taken_off_again(ios: Ios) -> None:
    await ios.register()
    with_user = await ios.register("jane")
    without = await ios.register()

    assert (with_user["userId"], without["userId"]) == ("jane", "anonymous")


async def test_a_quote_in_a_user_id_breaks_its_own_json_and_is_refused(ios: Ios) -> None:
    text = f'{{"deviceId": "{DEVICE}", "token": "{TOKEN}", "platform": "A","userId": "a"b"}}'
    answer = await ios.ask("POST", "/devices", text)

    assert (answer.status, answer.json["code"]) == (400, "FPWSE0004E")


async def test_it_subscribes_in_bulk_and_takes_207_only(service: Service, ios: Ios) -> None:
    await service.create_tags("news", "rates")
    await ios.register()
    text = f'{{"tagNames":["news", "rates", "nowhere"], "deviceId":"{DEVICE}"}}'

    first = await ios.ask("POST", "/subscriptions", text)
    again = await ios.ask("POST", "/subscriptions", text)

    assert (first.status, again.status) == (207, 207)
    assert [one["tagName"] for one in first.json["subscribed"]] == ["news", "rates"]
    assert [one["tagName"] for one in again.json["subscriptionExists"]] == ["news", "rates"]
    assert first.json["tagsNotFound"]["tags"] == ["nowhere"]


async def test_it_unsubscribes_in_bulk_and_reads_a_text(service: Service, ios: Ios) -> None:
    await service.create_tags("news")
    await ios.register()
    text = f'{{"tagNames":["news"], "deviceId":"{DEVICE}"}}'
    await ios.ask("POST", "/subscriptions", text)

    ended = await ios.ask("POST", "/subscriptions?action=delete", text)

    assert ended.status == 207
    assert ended.json["unsubscribed"] == ["news"]


async def test_lists_decode_for_every_value_is_a_string(service: Service, ios: Ios) -> None:
    await service.create_tags("news")
    await ios.register()
    await ios.ask("POST", "/subscriptions", f'{{"tagNames":["news"], "deviceId":"{DEVICE}"}}')

    tags = await ios.ask("GET", "/tags")
    subscriptions = await ios.ask("GET", f"/subscriptions?deviceId={DEVICE}")

    assert ios.decode(tags, "tags", "name") == ["news"]
    assert "news" in ios.decode(subscriptions, "subscriptions", "tagName")


async def test_it_unregisters_with_204(ios: Ios) -> None:
    await ios.register()

    assert (await ios.ask("DELETE", f"/devices/{DEVICE}")).status == 204


async def test_it_reports_seen_then_opened(service: Service, ios: Ios) -> None:
    await ios.register()
    message_id = await service.world.send()

    for status in ("SEEN", "OPEN"):
        text = f'{{"deviceId":"{DEVICE}", "status":"{status}"}}'
        answer = await ios.ask("PUT", f"/messages/{message_id}", text)

        assert (answer.status, answer.json["status"]) == (200, status)
