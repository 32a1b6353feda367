"""The receiving side of Web Push encryption: RFC 8291 keys, RFC 8188 aes128gcm coding."""

import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT_SIZE = 16
POINT_SIZE = 65
TAG_SIZE = 16
KEY_SIZE = 16
NONCE_SIZE = 12
HEADER = struct.Struct(f"!{SALT_SIZE}sIB")
# A record holds a tag, a delimiter and at least one byte more (RFC 8188 section 2).
MIN_RECORD_SIZE = 18
LAST_RECORD = b"\x02"


class Undecipherable(ValueError):
    """What arrived cannot have been encrypted for this subscription."""


def encode_point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def decrypt(body: bytes, receiver: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """Give back the plaintext of a push body; raise Undecipherable if there is none."""
    salt, sender_point, ciphertext = _split(body)
    try:
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender_point)
        shared = receiver.exchange(ec.ECDH(), sender)
    except ValueError:
        raise Undecipherable("the key in the header is not a point of P-256") from None
    receiver_point = encode_point(receiver.public_key())
    info = b"WebPush: info\x00" + receiver_point + sender_point
    input_key = _derive(auth, shared, info, hashlib.sha256().digest_size)
    key = _derive(salt, input_key, b"Content-Encoding: aes128gcm\x00", KEY_SIZE)
    nonce = _derive(salt, input_key, b"Content-Encoding: nonce\x00", NONCE_SIZE)
    try:
        padded = AESGCM(key).decrypt(nonce, ciphertext, None)
    except InvalidTag:
        raise Undecipherable("the record does not open with the subscription's keys") from None
    plaintext = padded.rstrip(b"\x00")
    if not plaintext.endswith(LAST_RECORD):
        raise Undecipherable("the record lacks the delimiter of a last record")
    return plaintext[:-1]


def _split(body: bytes) -> tuple[bytes, bytes, bytes]:
    if len(body) < HEADER.size:
        raise Undecipherable("the body is shorter than an aes128gcm header")
    salt, record_size, key_size = HEADER.unpack_from(body)
    if record_size < MIN_RECORD_SIZE or key_size != POINT_SIZE:
        raise Undecipherable("the header needs a record size of 18 or more and a key of 65 bytes")
    ciphertext = body[HEADER.size + key_size :]
    if not TAG_SIZE < len(ciphertext) <= record_size:
        raise Undecipherable("a push body is exactly one record (RFC 8291 section 4)")
    return salt, body[HEADER.size : HEADER.size + key_size], ciphertext


def _derive(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA256 for outputs of one block, which are all that is needed here."""
    extracted = hmac.digest(salt, secret, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)[:size]
