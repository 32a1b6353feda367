"""Which gateway does a credential open, and when is a replaced one noticed?"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.dispatch.domain.circuits import LEGACY, Holder, Key
from services.dispatch.domain.credentials import (
    ApnsCertificate,
    ApnsCredential,
    Credential,
    GatewayKind,
    WebPushCredential,
)
from services.dispatch.domain.messages import Platform
from services.dispatch.gateways.apns import Apns
from services.dispatch.gateways.pool import FRESH_SECONDS, GatewayPool, GatewayUrls
from services.dispatch.gateways.webpush import WebPush
from services.dispatch.wire import Identity, Request
from tests.dispatch.answers import answer
from tests.dispatch.clocks import Clock
from tests.dispatch.makers import APP, OTHER_APP, a_message, a_recipient, rendered, request_for
from tests.dispatch.scripted import ScriptedWire
from tests.registry import keys

URLS = GatewayUrls(apns="https://apple.example", apns_sandbox="https://sandbox.example")
CERTIFICATE = ApnsCertificate(
    1, "com.acme.bank", sandbox=True, certificate_chain="chain", private_key="key"
)
KEY = ApnsCredential(
    2, "KEY1234567", "TEAM123456", "com.acme.bank", sandbox=False, private_key=keys.p256()
)
MESSAGE = a_message()


class Book:
    """A CredentialSource that can be written in."""

    def __init__(self, **held: Credential) -> None:
        self.held = held
        self.asked = 0

    async def credential(self, _app_id: UUID, kind: GatewayKind) -> Credential | None:
        self.asked += 1
        return self.held.get(kind.value)


def open_pool(book: Book, clock: Clock | None = None) -> GatewayPool:
    clock = clock or Clock()
    return GatewayPool(book, URLS, ScriptedWire(answer(200)), clock, clock.monotonic)


async def request_of(pool: GatewayPool, platform: Platform, app_id: UUID = APP) -> Request:
    gateway = await pool.get(app_id, platform)
    assert gateway is not None
    looks = rendered(gateway, MESSAGE, platform)
    return await request_for(gateway, MESSAGE, looks, a_recipient("ab" * 32, platform))


async def test_a_certificate_is_shown_by_the_connection_and_not_by_a_header() -> None:
    request = await request_of(open_pool(Book(apns=CERTIFICATE)), Platform.IOS)

    headers = dict(request.all_headers)
    assert request.template.identity == Identity("chain", "key")
    assert request.url.startswith("https://sandbox.example/3/device/")
    assert headers["apns-topic"] == "com.acme.bank"
    assert "authorization" not in headers


async def test_a_certificate_without_a_topic_leaves_it_to_apple() -> None:
    nameless = replace(CERTIFICATE, topic="")
    request = await request_of(open_pool(Book(apns=nameless)), Platform.IOS)

    assert "apns-topic" not in dict(request.all_headers)


async def test_a_key_is_shown_by_a_header() -> None:
    request = await request_of(open_pool(Book(apns=KEY)), Platform.IOS)

    assert request.template.identity is None
    assert dict(request.all_headers)["authorization"].startswith("bearer ")
    assert request.url.startswith("https://apple.example/")


async def test_safari_has_a_credential_of_its_own() -> None:
    website = replace(CERTIFICATE, topic="web.com.acme", sandbox=False)
    pool = open_pool(Book(apns=KEY, web_safari=website))

    request = await request_of(pool, Platform.WEB_SAFARI)

    assert dict(request.all_headers)["apns-topic"] == "web.com.acme"
    assert request.url.startswith("https://apple.example/")


WEB = WebPushCredential(1, b"\x01" * 32)
CHROME = Holder(Platform.WEB_CHROME, 1)


@pytest.mark.parametrize("browser", ["web_chrome", "web_firefox"])
async def test_safari_as_it_is_now_speaks_web_push_for_any_browsers_sake(browser: str) -> None:
    pool = open_pool(Book(web_safari=CERTIFICATE, **{browser: WEB}))
    old = await pool.get(APP, Platform.WEB_SAFARI, "ab" * 32)
    new = await pool.get(APP, Platform.WEB_SAFARI, '{"endpoint": "https://web.push.apple.com/x"}')

    assert isinstance(old, Apns)
    assert isinstance(new, WebPush)


async def test_connections_are_shared_by_those_who_show_the_same() -> None:
    pool = open_pool(Book(apns=CERTIFICATE))
    first = await request_of(pool, Platform.IOS)
    same = await request_of(pool, Platform.IOS, OTHER_APP)
    other = await request_of(
        open_pool(Book(apns=replace(CERTIFICATE, certificate_chain="another"))), Platform.IOS
    )

    assert first.template.pool == same.template.pool != other.template.pool


async def test_whoever_claims_anothers_key_id_does_not_get_onto_its_connections() -> None:
    """Believed before: Apple's words for a key name it. A tenant may write down any, and a key."""
    claimed = replace(KEY, private_key=keys.pem(ec.generate_private_key(ec.SECP256R1())))
    first, other = [
        await request_of(open_pool(Book(apns=each)), Platform.IOS) for each in (KEY, claimed)
    ]

    assert first.template.pool != other.template.pool


@pytest.mark.parametrize("platform", list(Platform))
async def test_what_is_not_configured_has_no_gateway(platform: Platform) -> None:
    assert await open_pool(Book()).get(APP, platform) is None


@pytest.mark.parametrize(
    ("gate", "held", "holder"),
    [
        (LEGACY, {"web_safari": CERTIFICATE}, Holder(Platform.WEB_SAFARI, 1)),
        (LEGACY, {"web_chrome": WEB}, None),
        ("push.apple.com", {"web_safari": CERTIFICATE}, None),
        ("push.apple.com", {"web_firefox": WEB}, Holder(Platform.WEB_FIREFOX, 1)),
        ("push.apple.com", {"web_chrome": WEB, "web_firefox": WEB}, CHROME),
    ],
)
async def test_whose_credential_is_to_be_mended_is_told_by_the_gate(
    gate: str, held: dict[str, Credential], holder: Holder | None
) -> None:
    """Believed before: Safari's two ways are one, and a subscription's credential has no version.

    One that was replaced was not tried for Safari before the next probe was due.
    """
    assert await open_pool(Book(**held)).holder(Key(APP, Platform.WEB_SAFARI, gate)) == holder


async def test_a_replaced_credential_is_noticed_within_seconds_and_without_a_restart() -> None:
    book, clock = Book(apns=CERTIFICATE), Clock()
    pool = open_pool(book, clock)
    a_while = timedelta(seconds=FRESH_SECONDS + 0.1)
    first = await pool.get(APP, Platform.IOS)
    book.held["apns"] = KEY

    kept = await pool.get(APP, Platform.IOS)
    asked = book.asked
    clock.pass_by(a_while)
    replaced = await pool.get(APP, Platform.IOS)
    clock.pass_by(a_while)
    same = await pool.get(APP, Platform.IOS)

    assert FRESH_SECONDS < 10
    assert (kept, asked) == (first, 1)
    assert replaced is not first
    assert same is replaced
