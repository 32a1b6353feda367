"""Encryption of a push for one browser: RFC 8291 over RFC 8188, one record of `aes128gcm`."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

POINT_BYTES = 65
AUTH_BYTES = 16
SALT_BYTES = 16
RECORD_BYTES = 4096
LAST_RECORD = b"\x02"
# What a body of 4096 bytes holds beside header and tag: text, delimiter and padding.
MAX_RECORD_TEXT = 3994


class SubscriptionInvalid(ValueError):
    """The keys of the subscription are not what RFC 8291 §3.1 asks for."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the browser gave out: its public point and the secret shared with it."""

    public_key: bytes
    auth: bytes = field(repr=False)


def read_key(text: str) -> bytes:
    """A key in base64 of either alphabet, padded or not.

    Raises:
        SubscriptionInvalid: if it is no base64.
    """
    try:
        squeezed = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
        return base64.urlsafe_b64decode(squeezed + "=" * (-len(squeezed) % 4))
    except ValueError:
        raise SubscriptionInvalid("a key is no base64") from None


def encrypt(
    plaintext: bytes,
    keys: Keys,
    *,
    block: int = 1,
    ephemeral: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of the push. Key pair and salt are fresh for each unless a test gives them.

    The text is padded to a multiple of `block`, as far as a record has room: an observer learns
    its length only roughly.

    Raises:
        SubscriptionInvalid: if the public key is no point of the curve or the secret is not 16
            bytes long.
    """
    if len(keys.auth) != AUTH_BYTES:
        raise SubscriptionInvalid(f"the auth secret must be {AUTH_BYTES} bytes long")
    try:
        browser = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.public_key)
    except ValueError:
        raise SubscriptionInvalid("the public key is no point of P-256") from None
    ours = ephemeral or ec.generate_private_key(ec.SECP256R1())
    point = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    seed = salt or os.urandom(SALT_BYTES)
    shared = _derive(
        keys.auth,
        ours.exchange(ec.ECDH(), browser),
        b"WebPush: info\x00" + keys.public_key + point,
        32,
    )
    key = _derive(seed, shared, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derive(seed, shared, b"Content-Encoding: nonce\x00", 12)
    header = seed + RECORD_BYTES.to_bytes(4, "big") + bytes([len(point)]) + point
    return header + AESGCM(key).encrypt(nonce, _pad(plaintext + LAST_RECORD, block), None)


def _pad(record: bytes, block: int) -> bytes:
    return record + bytes(min(-len(record) % block, max(MAX_RECORD_TEXT - len(record), 0)))


def _derive(salt: bytes, secret: bytes, context: bytes, length: int) -> bytes:
    """HKDF-SHA256 (RFC 5869) for outputs of at most one block."""
    extracted = hmac.digest(salt, secret, hashlib.sha256)
    return hmac.digest(extracted, context + b"\x01", hashlib.sha256)[:length]
