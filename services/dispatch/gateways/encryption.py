"""Encryption of a push for one browser: RFC 8291 over RFC 8188, one record of `aes128gcm`."""

import os
from binascii import a2b_base64
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from services.dispatch.gateways.agreement import (
    POINT_BYTES,
    Agree,
    PointInvalid,
    choose_agreement,
)

AUTH_BYTES = 16
SALT_BYTES = 16
LAST_RECORD = b"\x02"
# Behind the salt: the size of a record, 4096, and that of the key's id, which is our point.
SIZES = (4096).to_bytes(4) + bytes([POINT_BYTES])
BLOCK_BYTES = 64
INNER = bytes(octet ^ 0x36 for octet in range(256))
OUTER = bytes(octet ^ 0x5C for octet in range(256))
# What a body of 4096 bytes holds beside header and tag: text, delimiter and padding.
MAX_RECORD_TEXT = 3994


class SubscriptionInvalid(ValueError):
    """The keys of the subscription are not what RFC 8291 §3.1 asks for."""


class Keys(Struct, frozen=True):
    """What the browser gave out: its public point and the secret shared with it."""

    public_key: bytes
    auth: bytes

    def __repr__(self) -> str:
        return "Keys(…)"


def read_key(text: str) -> bytes:
    """A key in base64 of either alphabet, padded or not.

    Raises:
        SubscriptionInvalid: if it is no base64.
    """
    try:
        # What is too much at the end is not looked at.
        return a2b_base64(text.replace("-", "+").replace("_", "/") + "==")
    except ValueError:
        raise SubscriptionInvalid("a key is no base64") from None


def pad(plaintext: bytes, block: int = 1) -> bytes:
    """The one record of a push, not yet encrypted.

    It is padded to a multiple of `block`, as far as there is room: an observer learns the text's
    length only roughly.
    """
    record = plaintext + LAST_RECORD
    return record + bytes(min(-len(record) % block, max(MAX_RECORD_TEXT - len(record), 0)))


def encrypt(
    record: bytes, keys: Keys, *, agree: Agree | None = None, salt: bytes | None = None
) -> bytes:
    """The body of the push. Key pair and salt are fresh for each unless a test gives them.

    Raises:
        SubscriptionInvalid: if the public key is no point of the curve or the secret is not 16
            bytes long.
    """
    if len(keys.auth) != AUTH_BYTES:
        raise SubscriptionInvalid(f"the auth secret must be {AUTH_BYTES} bytes long")
    try:
        point, secret = (agree or choose_agreement())(keys.public_key)
    except PointInvalid:
        raise SubscriptionInvalid("the public key is no point of P-256") from None
    seed = salt or os.urandom(SALT_BYTES)
    # HKDF (RFC 5869), twice: each output fits in one block; the last two share what is extracted.
    extracted = _authenticate(keys.auth, secret)
    shared = _authenticate(extracted, b"WebPush: info\x00" + keys.public_key + point + b"\x01")
    extracted = _authenticate(seed, shared)
    key = _authenticate(extracted, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _authenticate(extracted, b"Content-Encoding: nonce\x00\x01")[:12]
    return seed + SIZES + point + AESGCM(key).encrypt(nonce, record, None)


def _authenticate(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) for keys of at most a block: the library's costs twice as much."""
    block = key.ljust(BLOCK_BYTES, b"\x00")
    return sha256(block.translate(OUTER) + sha256(block.translate(INNER) + text).digest()).digest()
