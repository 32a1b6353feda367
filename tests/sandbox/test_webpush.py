"""What does the imitated Web Push service refuse, and what does it read?"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.sandbox.behaviours import Behaviour, Instruction
from services.sandbox.exchange import Request
from services.sandbox.gateways.contract import Refused, find_fault
from services.sandbox.gateways.webpush import FAULTS, WebpushGateway, subscription_id
from services.sandbox.subscriptions import Subscription
from tests.sandbox.senders import AppServer, encrypt, point_of, unb64url

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ORIGIN = "https://localhost:8443"
SERVER = AppServer()
BOUND = Subscription(
    "bound", ec.generate_private_key(ec.SECP256R1()), b"a" * 16, unb64url(SERVER.public_key)
)
FREE = replace(BOUND, id="free", server_key=None)
GONE = replace(BOUND, id="gone", is_gone=True)
PAYLOAD = {"title": "ACME", "alert": "Paid", "payload": '{"nid":"AbC12dEf"}'}


class Book(dict[str, Subscription]):
    def find(self, identifier: str) -> Subscription | None:
        return self.get(identifier)


SERVICE = WebpushGateway(Book(bound=BOUND, free=FREE, gone=GONE))
BODY = encrypt(json.dumps(PAYLOAD).encode(), point_of(BOUND.key), BOUND.auth)


def vapid(server: AppServer = SERVER, **changes: Any) -> str:
    return server.authorization(ORIGIN, NOON.timestamp(), **changes)


def push(
    *, to: str = "bound", method: str = "POST", body: bytes = BODY, **changes: str | None
) -> Request:
    headers = {"ttl": "60", "content-encoding": "aes128gcm", "authorization": vapid()}
    given = headers | {name.replace("_", "-"): value for name, value in changes.items()}
    present = {name: (value,) for name, value in given.items() if value is not None}
    return Request(method, f"/push/{to}", "localhost:8443", present, body)


NOON_SECONDS = int(NOON.timestamp())
REFUSED = {
    "an unknown subscription": (push(to="nobody"), 404, 102),
    "one that is gone": (push(to="gone"), 410, 103),
    "another method": (push(method="PUT"), 405, 999),
    "no TTL": (push(ttl=None), 400, 111),
    "a TTL that is no number": (push(ttl="1 day"), 400, 112),
    "a negative TTL": (push(ttl="-1"), 400, 112),
    "a topic of 33 letters": (push(topic="t" * 33), 400, 113),
    "a topic with a plus": (push(topic="a+b"), 400, 113),
    "an unknown urgency": (push(urgency="urgent"), 400, 113),
    "an older encoding": (push(content_encoding="aesgcm"), 400, 101),
    "no encoding": (push(content_encoding=None), 400, 101),
    "a body for another browser": (
        push(body=encrypt(b"x", point_of(SERVER.key), BOUND.auth)),
        400,
        110,
    ),
    "a plain body": (push(body=b'{"alert":"x"}'), 400, 110),
    "4097 bytes": (push(body=bytes(4097)), 413, 104),
    "no VAPID where it is needed": (push(authorization=None), 401, 109),
    "another scheme": (push(authorization="WebPush abc"), 401, 109),
    "a VAPID without key": (push(authorization="vapid t=a.b.c"), 401, 109),
    "another server's key": (push(authorization=vapid(AppServer())), 403, 109),
    "another server's signature": (
        push(authorization=vapid(AppServer()).partition("k=")[0] + "k=" + SERVER.public_key),
        401,
        109,
    ),
    "another audience": (push(authorization=vapid(aud="https://elsewhere.example")), 401, 109),
    "an expired token": (push(authorization=vapid(exp=NOON_SECONDS)), 401, 109),
    "25 hours": (push(authorization=vapid(exp=NOON_SECONDS + 90_000)), 401, 109),
    "no expiry": (push(authorization=vapid(exp=None)), 401, 109),
    "no contact": (push(authorization=vapid(sub="ops")), 401, 109),
    "a bad token to a free subscription": (
        push(to="free", authorization=vapid(exp=0)),
        401,
        109,
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses(case: tuple[Request, int, int]) -> None:
    request, status, errno = case
    with pytest.raises(Refused) as refused:
        SERVICE.examine(request, NOON)
    response = SERVICE.refuse(request, refused.value)
    body = json.loads(response.body)

    assert (response.status, body["code"], body["errno"]) == (status, status, errno)


ACCEPTED = {
    "a push": push(),
    "every header": push(urgency="very-low", topic="t" * 32, ttl="0"),
    "no VAPID where none is needed": push(to="free", authorization=None),
    "anybody's VAPID where none is needed": push(to="free", authorization=vapid(AppServer())),
    "an https contact": push(authorization=vapid(sub="https://acme.example")),
    "a day": push(authorization=vapid(exp=NOON_SECONDS + 86_400)),
    "4096 bytes": push(
        body=encrypt(b"{}", point_of(BOUND.key), BOUND.auth, pad=4096 - 86 - 17 - 2)
    ),
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_it_takes(request_: Request) -> None:
    notification = SERVICE.examine(request_, NOON)
    response = SERVICE.accept(request_, notification)

    assert response.status == 201
    assert response.headers["location"].startswith(ORIGIN + "/message/")


def test_it_shows_the_decrypted_payload_but_no_credential() -> None:
    notification = SERVICE.examine(push(topic="t1"), NOON)

    assert notification.payload == PAYLOAD
    assert notification.address == "bound"
    assert notification.headers == {"ttl": "60", "topic": "t1", "content-encoding": "aes128gcm"}


@pytest.mark.parametrize(
    ("plaintext", "shown"), [(b"hello", "hello"), (b"\xff", "\ufffd"), (b"[1]", [1])]
)
def test_a_payload_need_not_be_an_object(plaintext: bytes, shown: object) -> None:
    body = encrypt(plaintext, point_of(BOUND.key), BOUND.auth)

    assert SERVICE.examine(push(body=body), NOON).payload == shown


def test_a_push_without_body_only_wakes_the_page() -> None:
    assert SERVICE.examine(push(body=b"", content_encoding=None), NOON).payload is None


def test_a_longer_ttl_is_cut_to_thirty_days() -> None:
    request = push(ttl="9999999999")
    response = SERVICE.accept(request, SERVICE.examine(request, NOON))

    assert response.headers["ttl"] == "2592000"


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (Behaviour.DEAD, 410),
        (Behaviour.EXPIRED, 404),
        (Behaviour.THROTTLED, 429),
        (Behaviour.ERROR, 503),
        (Behaviour.UNAUTHORIZED, 401),
    ],
)
def test_a_fault_on_demand_has_the_services_status(behaviour: Behaviour, status: int) -> None:
    fault = find_fault(FAULTS, Instruction(behaviour), NOON)
    assert fault is not None

    assert SERVICE.refuse(push(), fault).status == status


@pytest.mark.parametrize(
    "address",
    [
        "s-1",
        "https://localhost:8443/push/s-1",
        '{"endpoint":"https://h:1/push/s-1","userAuth":"x"}',
    ],
)
def test_a_subscription_is_known_by_id_endpoint_and_token(address: str) -> None:
    assert subscription_id(address) == "s-1"
