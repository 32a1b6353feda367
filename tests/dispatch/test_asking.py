"""What is asked of a gateway, how often, and what comes of it when there is no answer?"""

import asyncio
import json
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from services.dispatch.domain.content import Content
from services.dispatch.domain.credentials import (
    ApnsCredential,
    FcmCredential,
)
from services.dispatch.domain.messages import Platform
from services.dispatch.gateways.apns import Apns
from services.dispatch.gateways.fcm import Fcm
from services.dispatch.gateways.pool import Gateway
from services.dispatch.gateways.verdicts import (
    Accepted,
    Later,
    Misconfigured,
    Refused,
    Trouble,
    Unknown,
    Verdict,
)
from services.dispatch.wire import Answer, Forbidden, Unanswered, Unsent, Wire
from tests.dispatch.answers import answer, google_error
from tests.dispatch.clocks import Clock
from tests.dispatch.makers import a_message, a_recipient, ask, claims, rendered
from tests.dispatch.scripted import RoutingWire, ScriptedWire

EXPIRED = answer(403, {"reason": "ExpiredProviderToken"})
MESSAGE = a_message(content=Content("Paid"))


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def account() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return json.dumps(
        {
            "project_id": "acme-bank",
            "private_key_id": "k1",
            "private_key": pem(key),
            "client_email": "push@acme-bank.example",
            "token_uri": "https://oauth.example/token",
        }
    )


def open_apns(clock: Clock) -> Apns:
    key = pem(ec.generate_private_key(ec.SECP256R1()))
    credential = ApnsCredential(1, "KEY1234567", "TEAM123456", "com.acme.bank", False, key)
    return Apns(credential, "https://apns.example", clock)


async def put(
    wire: Wire, gateway: Gateway, address: str, clock: Clock, platform: Platform = Platform.IOS
) -> Verdict:
    looks = rendered(gateway, MESSAGE, platform)
    return await ask(wire, gateway, MESSAGE, looks, a_recipient(address, platform), clock)


async def test_apple_is_asked_as_it_wants_to_be() -> None:
    clock, wire = Clock(), ScriptedWire(answer(200))
    verdict = await put(wire, open_apns(clock), "ab" * 32, clock)
    (request,) = wire.asked
    headers = dict(request.all_headers)

    assert verdict == Accepted()
    assert request.url == f"https://apns.example/3/device/{'ab' * 32}"
    assert headers["apns-topic"] == "com.acme.bank"
    assert headers["apns-push-type"] == "alert"
    assert headers["apns-collapse-id"] == MESSAGE.message_id
    assert int(headers["apns-expiration"]) > MESSAGE.create_time.timestamp()
    token = claims(headers["authorization"].removeprefix("bearer "))
    assert token == {"iss": "TEAM123456", "iat": int(clock().timestamp())}


async def test_a_repeat_carries_the_same_apns_id_and_another_device_another() -> None:
    clock, wire = Clock(), ScriptedWire(answer(200))
    apns = open_apns(clock)
    for uid in (1, 1, 2):
        recipient = a_recipient("ab" * 32, uid=uid)
        await ask(wire, apns, MESSAGE, rendered(apns, MESSAGE), recipient, clock)
    first, repeat, other = wire.headers("apns-id")

    assert first == repeat != other


async def test_an_address_cannot_leave_its_place_in_the_path() -> None:
    clock, wire = Clock(), ScriptedWire(answer(200))
    await put(wire, open_apns(clock), "../../4/x?y#z", clock)

    assert wire.asked[0].url == "https://apns.example/3/device/..%2F..%2F4%2Fx%3Fy%23z"


async def test_a_token_serves_for_forty_minutes() -> None:
    clock, wire = Clock(), ScriptedWire(answer(200))
    apns = open_apns(clock)
    for minutes in (0, 39, 2):
        clock.pass_by(timedelta(minutes=minutes))
        await put(wire, apns, "ab" * 32, clock)
    first, kept, renewed = wire.headers("authorization")

    assert first == kept != renewed


async def test_a_stale_token_is_renewed_and_asked_with_once_more() -> None:
    clock, wire = Clock(), ScriptedWire(answer(200), EXPIRED, answer(200))
    apns = open_apns(clock)
    await put(wire, apns, "ab" * 32, clock)
    clock.pass_by(timedelta(minutes=30))
    verdict = await put(wire, apns, "cd" * 32, clock)
    old, refused, renewed = wire.headers("authorization")

    assert verdict == Accepted()
    assert old == refused != renewed


async def test_a_young_token_is_tried_once_more_on_a_connection_of_its_own() -> None:
    """Believed before: only a new token needs a new connection. Apple bound the old one."""
    unrelated = answer(403, {"reason": "UnrelatedKeyIdInToken"})
    clock, wire = Clock(), ScriptedWire(unrelated, answer(200))
    verdict = await put(wire, open_apns(clock), "ab" * 32, clock)
    refused, taken = wire.asked

    assert verdict == Accepted()
    assert refused.all_headers == taken.all_headers
    assert refused.template.pool != taken.template.pool


async def test_a_token_that_stays_stale_is_the_credentials_fault() -> None:
    clock, wire = Clock(), ScriptedWire(EXPIRED)

    assert await put(wire, open_apns(clock), "ab" * 32, clock) == Misconfigured(
        "ExpiredProviderToken"
    )
    assert len(wire.asked) == 2


async def test_apple_never_sees_a_second_token_within_twenty_minutes() -> None:
    """Believed before: each stale answer mints. Apple throttles whoever does so."""
    clock, wire = Clock(), ScriptedWire(EXPIRED)
    apns = open_apns(clock)
    for _ in range(3):
        await put(wire, apns, "ab" * 32, clock)
        clock.pass_by(timedelta(minutes=5))

    assert len(set(wire.headers("authorization"))) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Unsent("curl 7"), Later("curl 7", None, Trouble.OUTAGE)),
        (Unanswered("curl 56"), Unknown("curl 56")),
        (Forbidden("no"), Refused("EndpointForbidden")),
    ],
)
async def test_no_answer_has_its_verdict_too(
    error: Unsent | Unanswered | Forbidden, verdict: Verdict
) -> None:
    clock = Clock()

    assert await put(ScriptedWire(error), open_apns(clock), "ab" * 32, clock) == verdict


def fcm_side(account: str, *answers: Answer) -> RoutingWire:
    """Google's token endpoint, which counts its tokens, and FCM, which answers in turn."""
    issued, waiting = iter(range(1, 100)), list(answers)
    token_uri = msgspec.json.decode(account)["token_uri"]
    return RoutingWire(
        (
            (
                token_uri,
                lambda _: answer(200, {"access_token": f"t{next(issued)}", "expires_in": 3599}),
            ),
            ("https://fcm.example/", lambda _: waiting.pop(0) if waiting else answer(200)),
        )
    )


async def test_google_is_asked_with_an_access_token(account: str) -> None:
    clock, wire = (
        Clock(),
        ScriptedWire(answer(200, {"access_token": "ya29.x", "expires_in": 3599}), answer(200)),
    )
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)
    verdict = await put(wire, fcm, 'quote"d', clock, Platform.ANDROID)
    grant, send = wire.asked

    assert verdict == Accepted()
    assert grant.url == "https://oauth.example/token"
    assert send.url == "https://fcm.example/v1/projects/acme-bank/messages:send"
    assert dict(send.all_headers)["authorization"] == "Bearer ya29.x"
    message = json.loads(send.body)["message"]
    assert message["token"] == 'quote"d'
    assert message["android"] == {"priority": "HIGH", "ttl": "2419200s"}
    assert set(message) == {"token", "data", "android"}


async def test_many_at_once_fetch_one_access_token(account: str) -> None:
    clock, wire = Clock(), fcm_side(account)
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)
    verdicts = await asyncio.gather(
        *(put(wire, fcm, f"a{n}", clock, Platform.ANDROID) for n in range(20))
    )

    assert set(verdicts) == {Accepted()}
    assert wire.asked.count("https://oauth.example/token") == 1


async def test_an_access_token_is_renewed_ahead_of_its_end(account: str) -> None:
    clock, wire = Clock(), fcm_side(account)
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)
    for minutes in (0, 54, 2):
        clock.pass_by(timedelta(minutes=minutes))
        await put(wire, fcm, "a", clock, Platform.ANDROID)

    assert wire.asked.count("https://oauth.example/token") == 2


async def test_a_token_near_its_end_serves_while_it_is_renewed(account: str) -> None:
    clock, wire = Clock(), fcm_side(account)
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)
    before = fcm.is_prepared
    await fcm.prepare()
    clock.pass_by(timedelta(minutes=56))
    during = fcm.is_prepared
    await asyncio.sleep(0)
    clock.pass_by(timedelta(minutes=30))

    assert (before, during, fcm.is_prepared) == (False, True, True)
    assert wire.asked == ["https://oauth.example/token"] * 2


async def test_a_token_that_has_run_out_does_not_serve(account: str) -> None:
    grant = answer(200, {"access_token": "a", "expires_in": 3599})
    clock, wire = Clock(), ScriptedWire(grant, answer(503))
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)
    await fcm.prepare()
    serves = []
    for minutes in (56, 3):
        clock.pass_by(timedelta(minutes=minutes))
        serves.append(fcm.is_prepared)
        await asyncio.sleep(0)

    assert serves == [True, False]
    assert len(wire.asked) == 2


async def test_an_access_token_that_was_revoked_is_renewed_once(account: str) -> None:
    clock = Clock()
    wire = fcm_side(account, google_error(401, "UNAUTHENTICATED"))
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)

    assert await put(wire, fcm, "a", clock, Platform.ANDROID) == Accepted()
    assert wire.asked.count("https://oauth.example/token") == 2


@pytest.mark.parametrize(
    "grant",
    [
        answer(503),
        answer(429),
        answer(200, {"access_token": "a\r\nx: y", "expires_in": 10}),
        answer(200, {"access_token": 7, "expires_in": 10}),
        answer(200, {"access_token": "a", "expires_in": "soon"}),
        answer(200, ["a"]),
        Answer(200, {}, b"\xff"),
    ],
)
async def test_without_an_access_token_nothing_is_sent(account: str, grant: Answer) -> None:
    clock, wire = Clock(), ScriptedWire(grant)
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)

    assert await put(wire, fcm, "a", clock, Platform.ANDROID) == Later(
        f"OAuth {grant.status}", None, Trouble.OUTAGE
    )
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Unanswered("curl 28"), Later("OAuth curl 28", None, Trouble.OUTAGE)),
        (Forbidden("no"), Misconfigured("OAuth forbidden")),
    ],
)
async def test_where_no_token_is_to_be_had_no_device_was_asked(
    account: str, error: Unanswered | Forbidden, verdict: Verdict
) -> None:
    """Believed before: silence of the token's endpoint is silence of FCM's, and may have arrived.

    And that an endpoint which is out of bounds is the device's.
    """
    clock, wire = Clock(), ScriptedWire(error)
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)

    assert await put(wire, fcm, "a", clock, Platform.ANDROID) == verdict


async def test_many_at_once_share_the_silence_of_the_tokens_endpoint(account: str) -> None:
    """Believed before: one after the other may ask. Each waited for twenty seconds more."""
    clock, wire = Clock(), ScriptedWire(Unanswered("curl 28"))
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)
    await asyncio.gather(*(put(wire, fcm, f"a{n}", clock, Platform.ANDROID) for n in range(20)))

    assert len(wire.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_service_account_that_google_does_not_know_is_the_credentials_fault(
    account: str, status: int
) -> None:
    """Believed before: a revoked account is an outage, and waiting mends it."""
    clock, wire = Clock(), ScriptedWire(answer(status, {"error": "invalid_grant"}))
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)

    assert await put(wire, fcm, "a", clock, Platform.ANDROID) == Misconfigured(f"OAuth {status}")
    assert len(wire.asked) == 1


async def test_an_access_token_for_ever_is_one_for_a_day(account: str) -> None:
    """Believed before: a lifetime fits into a date. One of 10**30 seconds failed each parcel."""
    clock = Clock()
    wire = ScriptedWire(answer(200, {"access_token": "a", "expires_in": 10**30}), answer(200))
    fcm = Fcm(FcmCredential(1, account), "https://fcm.example", wire, clock)

    assert await put(wire, fcm, "a", clock, Platform.ANDROID) == Accepted()
