"""The browsers' side of Web Push: subscriptions with their private keys, kept over a restart."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from services.sandbox import base64url, state
from services.sandbox.encryption import POINT_SIZE, encode_point

log = structlog.get_logger()

PATH = "/push/"
AUTH_SIZE = 16


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    key: ec.EllipticCurvePrivateKey
    auth: bytes
    # The sender's VAPID key, if the browser was told to accept no other.
    server_key: bytes | None
    # The browser has unsubscribed.
    is_gone: bool = False

    def endpoint(self, gateway_url: str) -> str:
        return f"{gateway_url}{PATH}{self.id}"

    def token(self, gateway_url: str) -> str:
        """What a web client registers as its token: JSON text, keys in padded standard base64."""
        point = encode_point(self.key.public_key())
        token = {
            "endpoint": self.endpoint(gateway_url),
            "userPublicKey": base64.b64encode(point).decode("ascii"),
            "userAuth": base64.b64encode(self.auth).decode("ascii"),
        }
        return msgspec.json.encode(token).decode()


class _Line(msgspec.Struct, omit_defaults=True):
    id: str
    key: str
    auth: str
    server_key: str | None = None
    gone: bool = False


class Subscriptions:
    """All subscriptions, in memory and in a file of JSON lines; of an id, its last line counts."""

    def __init__(self, path: Path) -> None:
        self._subscriptions: dict[str, Subscription] = {}
        for subscription in _load(path):
            self._subscriptions[subscription.id] = subscription
        state.keep(path, b"".join(_encode(each) for each in self._subscriptions.values()))
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def find(self, identifier: str) -> Subscription | None:
        return self._subscriptions.get(identifier)

    def create(self, *, server_key: bytes | None = None, prefix: str = "") -> Subscription:
        subscription = Subscription(
            id=prefix + base64url.encode(secrets.token_bytes(24)),
            key=ec.generate_private_key(ec.SECP256R1()),
            auth=secrets.token_bytes(AUTH_SIZE),
            server_key=server_key,
        )
        self._write(subscription)
        return subscription

    def end(self, subscription: Subscription) -> None:
        """The browser unsubscribes: from now on the endpoint is gone."""
        self._write(replace(subscription, is_gone=True))

    def _write(self, subscription: Subscription) -> None:
        self._file.write(_encode(subscription))
        self._subscriptions[subscription.id] = subscription


def read_server_key(text: str) -> bytes:
    """A VAPID key as browsers take it; raise ValueError if it is none."""
    point = base64url.decode(text.rstrip("="))
    if len(point) != POINT_SIZE:
        raise ValueError("not an uncompressed point of P-256")
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    return point


def _encode(subscription: Subscription) -> bytes:
    server_key = subscription.server_key
    scalar = subscription.key.private_numbers().private_value.to_bytes(32)
    line = _Line(
        id=subscription.id,
        key=base64url.encode(scalar),
        auth=base64url.encode(subscription.auth),
        server_key=base64url.encode(server_key) if server_key else None,
        gone=subscription.is_gone,
    )
    return msgspec.json.encode(line) + b"\n"


def _load(path: Path) -> Iterator[Subscription]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, text in enumerate(lines, start=1):
        try:
            yield _decode(text)
        except ValueError:
            # A crash may have cut the last line short; the browser it was for never heard of it.
            log.warning("subscription skipped", line=number)


def _decode(text: bytes) -> Subscription:
    line = msgspec.json.decode(text, type=_Line)
    scalar = int.from_bytes(base64url.decode(line.key))
    return Subscription(
        id=line.id,
        key=ec.derive_private_key(scalar, ec.SECP256R1()),
        auth=base64url.decode(line.auth),
        server_key=base64url.decode(line.server_key) if line.server_key else None,
        is_gone=line.gone,
    )
