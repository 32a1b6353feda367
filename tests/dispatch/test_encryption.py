"""Does a browser, and nobody else, read what we encrypt for it?"""

import base64

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.gateways.agreement import POINT_BYTES
from services.dispatch.gateways.encryption import (
    AUTH_BYTES,
    Keys,
    SubscriptionInvalid,
    encrypt,
    pad,
    read_key,
)
from services.dispatch.gateways.rendering.browser import MAX_BYTES
from tests.dispatch.agreements import WAYS, Way

# RFC 8291, appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
SENDER_KEY = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER_POINT = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)
BROWSER = ec.generate_private_key(ec.SECP256R1())
POINT = BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
KEYS = Keys(POINT, b"a" * AUTH_BYTES)


def derive(salt: bytes, secret: bytes, context: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, context).derive(secret)


def decrypt(body: bytes, auth: bytes = KEYS.auth) -> bytes:
    """As a browser does it (RFC 8291 §3.4)."""
    salt, size, sender, record = body[:16], body[16:20], body[21 : 21 + POINT_BYTES], body[86:]
    assert (int.from_bytes(size), body[20]) == (4096, POINT_BYTES)
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    shared = BROWSER.exchange(ec.ECDH(), peer)
    secret = derive(auth, shared, b"WebPush: info\0" + POINT + sender, 32)
    key = derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = derive(salt, secret, b"Content-Encoding: nonce\0", 12)
    padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
    assert padded.endswith(b"\x02")
    return padded[:-1]


@pytest.mark.parametrize("way", WAYS)
def test_the_example_of_the_rfc(way: Way) -> None:
    body = encrypt(
        pad(PLAINTEXT),
        Keys(read_key(BROWSER_POINT), read_key(AUTH)),
        agree=lambda theirs: way(theirs, read_key(SENDER_KEY)),
        salt=read_key(SALT),
    )

    assert body == read_key(BODY)


@pytest.mark.parametrize("way", WAYS)
@given(plaintext=some.binary(max_size=MAX_BYTES))
def test_the_browser_reads_it(way: Way, plaintext: bytes) -> None:
    assert decrypt(encrypt(pad(plaintext), KEYS, agree=way)) == plaintext


@given(some.binary(max_size=MAX_BYTES).filter(lambda text: not text.endswith(b"\0")))
def test_a_padded_push_is_read_too_and_tells_its_length_only_roughly(plaintext: bytes) -> None:
    body = encrypt(pad(plaintext, 128), KEYS)
    size = len(body) - 86 - 16

    assert decrypt(body) == plaintext
    assert len(body) <= 4096
    assert size % 128 == 0 or len(body) == 4096


def test_nobody_reads_it_without_the_secret() -> None:
    with pytest.raises(InvalidTag):
        decrypt(encrypt(pad(PLAINTEXT), KEYS), auth=b"b" * AUTH_BYTES)


def test_no_two_pushes_are_alike() -> None:
    first, second = encrypt(pad(PLAINTEXT), KEYS), encrypt(pad(PLAINTEXT), KEYS)

    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


def test_the_largest_push_fills_the_body_that_every_service_takes() -> None:
    assert len(encrypt(pad(b"x" * MAX_BYTES), KEYS)) == 4096


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "keys",
    [
        Keys(POINT, b"short"),
        Keys(POINT, b"a" * 17),
        Keys(b"", KEYS.auth),
        Keys(b"\x04" + b"\x01" * 64, KEYS.auth),
    ],
)
def test_keys_that_are_none_are_refused(keys: Keys, way: Way) -> None:
    with pytest.raises(SubscriptionInvalid):
        encrypt(pad(PLAINTEXT), keys, agree=way)


@given(some.binary(max_size=70))
def test_a_key_is_read_in_either_alphabet_padded_or_not(octets: bytes) -> None:
    standard = base64.b64encode(octets).decode()
    urlsafe = base64.urlsafe_b64encode(octets).decode()

    stripped = {read_key(standard.rstrip("=")), read_key(urlsafe.rstrip("="))}
    assert stripped | {read_key(standard), read_key(f" {urlsafe}\n")} == {octets}


@pytest.mark.parametrize("text", ["a", "äöü", "AAAAA"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(SubscriptionInvalid):
        read_key(text)


def test_the_secret_is_not_shown() -> None:
    assert repr(KEYS.auth) not in repr(KEYS)
