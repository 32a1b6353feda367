"""How is a push service asked, and which subscriptions can never be sent to?"""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.domain.content import Content, WebOptions
from services.dispatch.domain.credentials import WebPushCredential
from services.dispatch.domain.messages import Platform
from services.dispatch.gateways.verdicts import Accepted, Dead, Suspect, Verdict
from services.dispatch.gateways.webpush import WebPush
from tests.dispatch.answers import answer
from tests.dispatch.clocks import Clock
from tests.dispatch.makers import a_message, a_recipient, ask, claims, rendered
from tests.dispatch.scripted import ScriptedWire

BROWSER = ec.derive_private_key(7, ec.SECP256R1())
POINT = BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
GOOD = {
    "endpoint": "https://push.example/p/1",
    "userPublicKey": base64.b64encode(POINT).decode(),
    "userAuth": base64.b64encode(b"a" * 16).decode(),
}
MESSAGE = a_message(content=Content("Paid", chrome=WebOptions("C"), firefox=WebOptions("F")))


def open_gateway(clock: Clock) -> WebPush:
    return WebPush(WebPushCredential(1, b"\x01" * 32), "mailto:ops@acme.example", clock)


async def put(wire: ScriptedWire, gateway: WebPush, address: str, clock: Clock) -> Verdict:
    looks = rendered(gateway, MESSAGE, Platform.WEB_CHROME)
    recipient = a_recipient(address, Platform.WEB_CHROME)
    return await ask(wire, gateway, MESSAGE, looks, recipient, clock)


async def test_a_push_says_how_long_it_lasts_and_what_it_replaces() -> None:
    clock, wire = Clock(), ScriptedWire(answer(201))
    verdict = await put(wire, open_gateway(clock), json.dumps(GOOD), clock)
    (request,) = wire.asked
    headers = dict(request.all_headers)

    assert verdict == Accepted()
    assert request.url == GOOD["endpoint"]
    assert headers["ttl"] == "2419200"
    assert headers["topic"] == MESSAGE.message_id
    assert headers["content-encoding"] == "aes128gcm"


async def test_a_push_is_signed_for_its_origin_alone() -> None:
    clock, wire = Clock(), ScriptedWire(answer(201))
    gateway = open_gateway(clock)
    for endpoint in ("https://a.example/p/1", "https://a.example/p/2", "https://b.example:8443/p"):
        await put(wire, gateway, json.dumps(GOOD | {"endpoint": endpoint}), clock)
    first, same, other = [
        authorization.removeprefix("vapid t=").split(", k=")[0]
        for authorization in wire.headers("authorization")
    ]

    assert first == same
    assert claims(first) == {
        "aud": "https://a.example",
        "exp": int((clock() + timedelta(hours=12)).timestamp()),
        "sub": "mailto:ops@acme.example",
    }
    assert claims(other)["aud"] == "https://b.example:8443"


async def test_a_token_is_renewed_long_before_its_end() -> None:
    clock, wire = Clock(), ScriptedWire(answer(201))
    gateway = open_gateway(clock)
    for hours in (0, 5, 2):
        clock.pass_by(timedelta(hours=hours))
        await put(wire, gateway, json.dumps(GOOD), clock)
    first, kept, renewed = wire.headers("authorization")

    assert first == kept != renewed


@pytest.mark.parametrize("count", [64, 200])
async def test_no_number_of_origins_fills_the_memory(count: int) -> None:
    clock, wire = Clock(), ScriptedWire(answer(201))
    gateway = open_gateway(clock)
    for number in range(count):
        endpoint = f"https://p{number}.example/"
        await put(wire, gateway, json.dumps(GOOD | {"endpoint": endpoint}), clock)

    assert len(gateway._tokens) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"userPublicKey": "AAAA"},
        {"userPublicKey": "é"},
        {"userPublicKey": base64.b64encode(b"\x04" + b"\x01" * 64).decode()},
        {"userAuth": "AAAA"},
        {"userAuth": None},
        {"endpoint": 7},
        {"endpoint": "https://[bad"},
    ],
)
async def test_a_broken_subscription_is_suspect_and_never_sent_to(change: dict[str, Any]) -> None:
    """Believed before: an endpoint can be split. `https://[bad` failed its parcel for ever."""
    clock, wire = Clock(), ScriptedWire(answer(201))
    address = json.dumps(GOOD | change)

    assert await put(wire, open_gateway(clock), address, clock) == Suspect("SubscriptionInvalid")
    assert wire.asked == []


@given(some.text() | some.just("[" * 5000))
async def test_what_is_no_subscription_is_suspect(address: str) -> None:
    clock, wire = Clock(), ScriptedWire(answer(201))

    assert await put(wire, open_gateway(clock), address, clock) == Suspect("SubscriptionInvalid")


async def test_a_subscription_that_is_gone_is_dead_since_we_asked() -> None:
    clock, wire = Clock(), ScriptedWire(answer(410))

    assert await put(wire, open_gateway(clock), json.dumps(GOOD), clock) == Dead("410", clock())


def test_each_browser_has_its_own_text() -> None:
    gateway = open_gateway(Clock())
    titles = [
        json.loads(rendered(gateway, MESSAGE, platform).body)["title"]
        for platform in (Platform.WEB_CHROME, Platform.WEB_FIREFOX)
    ]

    assert titles == ["C", "F"]
