"""Does the Android SDK find what it insists on?

Its sequences are those of MFPPush: it casts `senderId`, `deviceId`, `token` and `userId` to
strings, takes any failure of GET for a reason to POST, and any 2xx for success.
"""

from typing import Any

import pytest

from tests.sdks.conftest import APP, Service
from tests.sdks.line import Answer

DEVICE = "6c9b3c7e-0a1d-3f5e-b2b0-0242ac120002"
TOKEN = "fMI-qkT3Q0:APA91bHun4MxP5egoKMwt2KZFBaFUH"


class Android:
    """Every request carries these headers, bodiless ones too; `X-REWRITE-DOMAIN` is often empty."""

    def __init__(self, service: Service, *, override: str = "") -> None:
        self._line = service.line
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "clientSecret": service.client_secret,
            "X-REWRITE-DOMAIN": override,
            # android-core attaches what its authorization manager has in store.
            "Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.of-another-service.x",
            "User-Agent": "okhttp/3.12.1",
            "Accept-Encoding": "identity",
            "Connection": "Keep-Alive",
        }

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        return await self._line.ask(method, APP + path, self._headers, body)

    async def register(self, user_id: str | None = None, token: str = TOKEN) -> dict[str, Any]:
        """What the app's listener is given; the last answer, where the SDK stops."""
        sender = await self.ask("GET", "/settings/gcmConfPublic")
        assert sender.status == 200
        assert isinstance(sender.json["senderId"], str)
        body: dict[str, Any] = {"deviceId": DEVICE, "token": token, "platform": "G"}
        if user_id:
            body["userId"] = user_id
        known = await self.ask("GET", f"/devices/{DEVICE}")
        if not 200 <= known.status < 300:
            return self._read(await self.ask("POST", "/devices", body))
        stored = self._read(known)
        if (stored["token"], stored["userId"]) == (token, user_id or "anonymous"):
            return stored
        return self._read(await self.ask("PUT", f"/devices/{DEVICE}", body))

    def _read(self, answer: Answer) -> dict[str, Any]:
        """A member that is absent or no string, and the listener is never called."""
        assert 200 <= answer.status < 300, answer.text
        told: dict[str, Any] = answer.json
        assert all(isinstance(told[name], str) for name in ("deviceId", "token", "userId"))
        return told


@pytest.fixture
async def android(service: Service) -> Android:
    await service.configure_android()
    return Android(service)


async def test_it_registers_anew_and_finds_itself_unchanged(android: Android) -> None:
    first = await android.register()
    again = await android.register()

    assert first["token"] == TOKEN
    assert first["userId"] == "anonymous"
    assert again == first


async def test_a_user_comes_and_goes_with_the_registration(android: Android) -> None:
    with_user = await android.register("jane@acme.example.com")
    without = await android.register()

    assert (with_user["userId"], without["userId"]) == ("jane@acme.example.com", "anonymous")


async def test_a_new_token_is_put(android: Android) -> None:
    await android.register()
    moved = await android.register(token="another:token/with+signs=")

    assert moved["token"] == "another:token/with+signs="


async def test_the_answer_is_a_flat_object_that_wrappers_can_cut_out(android: Android) -> None:
    """Cordova and React Native search its text for the first brace."""
    told = await android.register("jane")

    assert not [value for value in told.values() if isinstance(value, dict | list)]


async def test_it_subscribes_twice_and_both_succeed(service: Service, android: Android) -> None:
    await service.create_tags("mortgage-rates")
    await android.register()
    body = {"deviceId": DEVICE, "tagName": "mortgage-rates"}

    first = await android.ask("POST", "/subscriptions", body)
    again = await android.ask("POST", "/subscriptions", body)

    assert (first.status, again.status) == (201, 200)


async def test_it_lists_tags_and_subscriptions_by_name(service: Service, android: Android) -> None:
    await service.create_tags("mortgage-rates", "news")
    await android.register()
    await android.ask("POST", "/subscriptions", {"deviceId": DEVICE, "tagName": "news"})

    tags = await android.ask("GET", "/tags")
    subscriptions = await android.ask("GET", f"/subscriptions?deviceId={DEVICE}")

    assert {tag["name"] for tag in tags.json["tags"]} == {"mortgage-rates", "news"}
    assert "news" in {one["tagName"] for one in subscriptions.json["subscriptions"]}


@pytest.mark.parametrize("tag", ["rates of the week", "Zinsen für März", "50%-off", "a/b", "x|y"])
async def test_it_unsubscribes_with_the_name_left_raw(
    service: Service, android: Android, tag: str
) -> None:
    await service.create_tags(tag)
    await android.register()
    await android.ask("POST", "/subscriptions", {"deviceId": DEVICE, "tagName": tag})

    ended = await android.ask("DELETE", f"/subscriptions?deviceId={DEVICE}&tagName={tag}")

    assert ended.status == 204


async def test_it_unregisters(android: Android) -> None:
    await android.register()

    gone = await android.ask("DELETE", f"/devices/{DEVICE}")

    assert (gone.status, gone.content) == (204, b"")
    assert (await android.ask("GET", f"/devices/{DEVICE}")).status == 404


async def test_it_reports_a_message_opened_that_it_never_reported_seen(
    service: Service, android: Android
) -> None:
    await android.register()
    message_id = await service.world.send()

    opened = await android.ask(
        "PUT", f"/messages/{message_id}", {"deviceId": DEVICE, "status": "OPEN"}
    )
    seen = await android.ask(
        "PUT", f"/messages/{message_id}", {"deviceId": DEVICE, "status": "SEEN"}
    )

    assert (opened.status, seen.status) == (200, 200)
    assert seen.json["status"] == "OPEN"


async def test_a_push_without_payload_is_reported_as_null_and_quietly_refused(
    android: Android,
) -> None:
    answer = await android.ask("PUT", "/messages/null", {"deviceId": DEVICE, "status": "SEEN"})

    assert answer.status == 404


async def test_with_a_wrong_secret_it_is_told_401_and_nothing_that_starts_an_oauth_dance(
    service: Service,
) -> None:
    android = Android(service, override="https://push.example.com")
    android._headers["clientSecret"] = "wrong"

    answer = await android.ask("GET", f"/devices/{DEVICE}")

    assert answer.status == 401
    assert "www-authenticate" not in answer.headers
