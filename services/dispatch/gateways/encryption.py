"""Encryption of a push for one browser: RFC 8291 over RFC 8188, one record of `aes128gcm`."""

import base64
import os
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

POINT_BYTES = 65
AUTH_BYTES = 16
SALT_BYTES = 16
RECORD_BYTES = 4096
LAST_RECORD = b"\x02"
CURVE = ec.SECP256R1()
AGREEMENT = ec.ECDH()
BLOCK_BYTES = 64
INNER = bytes(octet ^ 0x36 for octet in range(256))
OUTER = bytes(octet ^ 0x5C for octet in range(256))
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
        browser = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, keys.public_key)
    except ValueError:
        raise SubscriptionInvalid("the public key is no point of P-256") from None
    ours = ephemeral or ec.generate_private_key(CURVE)
    point = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    seed = salt or os.urandom(SALT_BYTES)
    # HKDF (RFC 5869), twice: each output fits in one block; the last two share what is extracted.
    extracted = _authenticate(keys.auth, ours.exchange(AGREEMENT, browser))
    shared = _authenticate(extracted, b"WebPush: info\x00" + keys.public_key + point + b"\x01")
    extracted = _authenticate(seed, shared)
    key = _authenticate(extracted, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _authenticate(extracted, b"Content-Encoding: nonce\x00\x01")[:12]
    header = seed + RECORD_BYTES.to_bytes(4, "big") + bytes([len(point)]) + point
    return header + AESGCM(key).encrypt(nonce, _pad(plaintext + LAST_RECORD, block), None)


def _pad(record: bytes, block: int) -> bytes:
    return record + bytes(min(-len(record) % block, max(MAX_RECORD_TEXT - len(record), 0)))


def _authenticate(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) for keys of at most a block: the library's costs twice as much."""
    block = key.ljust(BLOCK_BYTES, b"\x00")
    return sha256(block.translate(OUTER) + sha256(block.translate(INNER) + text).digest()).digest()
