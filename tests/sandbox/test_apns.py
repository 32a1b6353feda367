"""What does the imitated APNs refuse, and in Apple's words?"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Certificate
from hypothesis import given
from hypothesis import strategies as some

from services.sandbox.behaviours import Behaviour, Instruction
from services.sandbox.exchange import Request
from services.sandbox.gateways.apns import FAULTS, ApnsGateway
from services.sandbox.gateways.contract import Refused, find_fault
from tests.registry import keys
from tests.sandbox.senders import es256, point_of

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ADDRESS = "ab" * 32
BUNDLE = "com.acme.bank"
KEY = ec.generate_private_key(ec.SECP256R1())
PAYLOAD = {"aps": {"alert": {"title": "ACME", "body": "Paid"}}, "payload": '{"nid":"AbC12dEf"}'}


def gateway() -> ApnsGateway:
    return ApnsGateway(
        bundle_id=BUNDLE, key_id="KEY1234567", team_id="TEAM123456", point=point_of(KEY)
    )


def token(key: ec.EllipticCurvePrivateKey = KEY, kid: str = "KEY1234567", **claims: object) -> str:
    given = {"iss": "TEAM123456", "iat": int(NOON.timestamp())} | claims
    return "bearer " + es256(key, given, kid=kid)


TOKEN = token()


def shown(topic: str, **changed: Any) -> Certificate:
    """A client certificate that is good at noon."""
    return keys.certificate(topic, **changed)


def push(
    *,
    path: str = f"/3/device/{ADDRESS}",
    method: str = "POST",
    body: bytes | None = None,
    connection: int = 1,
    client: Certificate | None = None,
    **changes: str | tuple[str, ...] | None,
) -> Request:
    """A request as Apple wants it, but for the changes; None takes a header away."""
    headers: dict[str, str | tuple[str, ...] | None] = {
        "authorization": TOKEN,
        "apns-topic": BUNDLE,
        "apns-push-type": "alert",
    }
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    given = {
        name: (value,) if isinstance(value, str) else value
        for name, value in headers.items()
        if value is not None
    }
    whole = json.dumps(PAYLOAD).encode() if body is None else body
    return Request(method, path, "localhost:8443", given, whole, connection, client)


def refusal(request: Request, now: datetime = NOON) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        gateway().examine(request, now)
    return refused.value.status, refused.value.reason


def padded(size: int) -> bytes:
    empty = json.dumps({"aps": {}, "x": ""}).encode()
    return json.dumps({"aps": {}, "x": "a" * (size - len(empty))}).encode()


REFUSED = {
    "another path": (push(path="/3/devices/" + ADDRESS), 404, "BadPath"),
    "a path below the address": (push(path=f"/3/device/{ADDRESS}/x"), 404, "BadPath"),
    "another method": (push(method="GET"), 405, "MethodNotAllowed"),
    "no address": (push(path="/3/device/"), 400, "MissingDeviceToken"),
    "a short address": (push(path="/3/device/" + "ab" * 31), 400, "BadDeviceToken"),
    "half a byte": (push(path=f"/3/device/{ADDRESS}a"), 400, "BadDeviceToken"),
    "no hexadecimal": (push(path="/3/device/" + "xy" * 32), 400, "BadDeviceToken"),
    "a header twice": (push(apns_topic=(BUNDLE, BUNDLE)), 400, "DuplicateHeaders"),
    "no topic": (push(apns_topic=None), 400, "MissingTopic"),
    "a malformed topic": (push(apns_topic="com acme"), 400, "BadTopic"),
    "another push type's topic": (push(apns_topic=BUNDLE + ".voip"), 400, "BadTopic"),
    "a topic without suffix": (push(apns_push_type="liveactivity"), 400, "BadTopic"),
    "no push type": (push(apns_push_type=None), 400, "InvalidPushType"),
    "an unknown push type": (push(apns_push_type="loud"), 400, "InvalidPushType"),
    "priority 7": (push(apns_priority="7"), 400, "BadPriority"),
    "an urgent background push": (
        push(apns_push_type="background", apns_priority="10"),
        400,
        "BadPriority",
    ),
    "a background push without priority": (push(apns_push_type="background"), 400, "BadPriority"),
    "an expiration that is a date": (push(apns_expiration="tomorrow"), 400, "BadExpirationDate"),
    "a negative expiration": (push(apns_expiration="-1"), 400, "BadExpirationDate"),
    "an id that is no UUID": (push(apns_id="1"), 400, "BadMessageId"),
    "an id in upper case": (
        push(apns_id="ABCDEF01-2345-6789-ABCD-EF0123456789"),
        400,
        "BadMessageId",
    ),
    "65 bytes to collapse by": (push(apns_collapse_id="c" * 65), 400, "BadCollapseId"),
    "no payload": (push(body=b""), 400, "PayloadEmpty"),
    "a payload that is no JSON": (push(body=b"{"), 400, "PayloadEmpty"),
    "a payload that is no UTF-8": (push(body=b'{"aps":{"alert":"\xff"}}'), 400, "PayloadEmpty"),
    "a payload that is a list": (push(body=b"[]"), 400, "PayloadEmpty"),
    "a payload without aps": (push(body=b'{"alert":"x"}'), 400, "PayloadEmpty"),
    "an aps that is a text": (push(body=b'{"aps":"x"}'), 400, "PayloadEmpty"),
    "4097 bytes": (push(body=padded(4097)), 413, "PayloadTooLarge"),
    "no token": (push(authorization=None), 403, "MissingProviderToken"),
    "another scheme": (push(authorization="Basic eDp5"), 403, "MissingProviderToken"),
    "a token that is none": (push(authorization="bearer x.y.z"), 403, "InvalidProviderToken"),
    "a token of another key": (
        push(authorization=token(ec.generate_private_key(ec.SECP256R1()))),
        403,
        "InvalidProviderToken",
    ),
    "a short key id": (push(authorization=token(kid="SHORT")), 403, "InvalidProviderToken"),
    "another team": (push(authorization=token(iss="OTHER12345")), 403, "InvalidProviderToken"),
    "an expired certificate": (
        push(authorization=None, client=shown("com.other.app", ends=NOON)),
        403,
        "BadCertificate",
    ),
    "a certificate of another app": (
        push(authorization=None, client=shown("com.other.app")),
        400,
        "TopicDisallowed",
    ),
    "a certificate without any topic": (
        push(authorization=None, client=shown(""), apns_topic=None),
        400,
        "MissingTopic",
    ),
    "no time of issue": (push(authorization=token(iat="noon")), 403, "InvalidProviderToken"),
    "a token from the future": (
        push(authorization=token(iat=int(NOON.timestamp()) + 600)),
        403,
        "InvalidProviderToken",
    ),
    "a token of yesterday": (
        push(authorization=token(iat=int(NOON.timestamp()) - 3601)),
        403,
        "ExpiredProviderToken",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses(case: tuple[Request, int, str]) -> None:
    request, status, reason = case

    assert refusal(request) == (status, reason)


ACCEPTED = {
    "an alert": push(),
    "a longer address": push(path="/3/device/" + "ab" * 80),
    "an address in upper case": push(path="/3/device/" + "AB" * 32),
    "every header": push(
        apns_id="abcdef01-2345-6789-abcd-ef0123456789",
        apns_priority="1",
        apns_expiration="0",
        apns_collapse_id="c" * 64,
    ),
    "a quiet background push": push(apns_push_type="background", apns_priority="5"),
    "a Live Activity": push(
        apns_push_type="liveactivity", apns_topic=BUNDLE + ".push-type.liveactivity"
    ),
    "4096 bytes": push(body=padded(4096)),
    "5120 bytes of a call": push(
        body=padded(5120), apns_push_type="voip", apns_topic=BUNDLE + ".voip"
    ),
    "another app": push(apns_topic="com.other.app"),
    "another team's key": push(
        authorization=token(
            ec.generate_private_key(ec.SECP256R1()), kid="OTHER12345", iss="ANOTHER678"
        )
    ),
    "a certificate": push(authorization=None, client=shown("com.other.app"), apns_topic=None),
    "a certificate and its topic": push(
        authorization=None, client=shown("com.other.app"), apns_topic="com.other.app"
    ),
    "a certificate without a topic": push(
        authorization=None, client=shown(""), apns_topic="com.other.app"
    ),
    "a website's certificate": push(
        authorization=None, client=shown("web.com.acme"), apns_topic="web.com.acme"
    ),
    "a token of almost an hour": push(authorization=token(iat=int(NOON.timestamp()) - 3600)),
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_it_takes(request_: Request) -> None:
    notification = gateway().examine(request_, NOON)

    assert gateway().accept(request_, notification).status == 200


def test_what_it_took_can_be_seen_but_not_the_credential() -> None:
    notification = gateway().examine(push(apns_priority="5"), NOON)

    assert notification.address == ADDRESS
    assert notification.payload == PAYLOAD
    assert notification.headers == {
        "apns-topic": BUNDLE,
        "apns-push-type": "alert",
        "apns-priority": "5",
    }


def test_a_connection_may_not_change_its_token_within_twenty_minutes() -> None:
    apple = gateway()
    apple.examine(push(), NOON)
    soon, later = NOON + timedelta(minutes=19), NOON + timedelta(minutes=20)
    second = push(authorization=token(iat=int(soon.timestamp())))

    with pytest.raises(Refused, match="TooManyProviderTokenUpdates"):
        apple.examine(second, soon)
    assert apple.examine(second, later).address == ADDRESS


def test_another_connection_may_have_another_token() -> None:
    apple = gateway()
    apple.examine(push(), NOON)
    second = push(authorization=token(iat=int(NOON.timestamp()) - 1), connection=2)

    assert apple.examine(second, NOON).address == ADDRESS


def test_the_answer_repeats_the_id_of_the_request() -> None:
    identifier = "abcdef01-2345-6789-abcd-ef0123456789"
    request = push(apns_id=identifier)
    notification = gateway().examine(request, NOON)

    assert gateway().accept(request, notification).headers["apns-id"] == identifier


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        (Behaviour.DEAD, 410, "Unregistered"),
        (Behaviour.EXPIRED, 410, "ExpiredToken"),
        (Behaviour.THROTTLED, 429, "TooManyRequests"),
        (Behaviour.ERROR, 500, "InternalServerError"),
        (Behaviour.UNAUTHORIZED, 403, "InvalidProviderToken"),
    ],
)
def test_a_fault_on_demand_is_in_apples_words(
    behaviour: Behaviour, status: int, reason: str
) -> None:
    fault = find_fault(FAULTS, Instruction(behaviour), NOON)
    assert fault is not None
    response = gateway().refuse(push(), fault)

    assert response.status == status
    assert json.loads(response.body)["reason"] == reason
    assert ("timestamp" in json.loads(response.body)) == (status == 410)
    assert ("retry-after" in response.headers) == (status == 429)


def test_a_dead_address_tells_since_when_in_milliseconds() -> None:
    fault = find_fault(FAULTS, Instruction(Behaviour.DEAD, since=1_700_000_000.5), NOON)
    assert fault is not None

    assert json.loads(gateway().refuse(push(), fault).body)["timestamp"] == 1_700_000_000_500


@given(
    path=some.text(max_size=90), authorization=some.text(max_size=60), body=some.binary(max_size=60)
)
def test_whatever_comes_is_refused_and_never_a_crash(
    path: str, authorization: str, body: bytes
) -> None:
    request = Request("POST", "/3/" + path, "", {"authorization": (authorization,)}, body)
    with pytest.raises(Refused):
        gateway().examine(request, NOON)

    assert gateway().glimpse(request).delivered
