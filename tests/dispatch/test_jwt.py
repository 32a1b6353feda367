"""Can others verify what we sign?"""

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.gateways.jwt import encode_base64url, sign_es256, sign_rs256

CLAIMS = {"iss": "TEAM123456", "iat": 1_793_620_800}


@pytest.fixture(scope="module")
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def decode(part: str) -> bytes:
    assert "=" not in part
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    header, claims, signature = token.split(".")
    signed = f"{header}.{claims}".encode()
    return json.loads(decode(header)), json.loads(decode(claims)), signed, decode(signature)


def test_es256_is_verified_by_the_public_key(ec_key: ec.EllipticCurvePrivateKey) -> None:
    header, claims, signed, signature = read(sign_es256(ec_key, CLAIMS, kid="KEY1234567"))
    assert len(signature) == 64
    halves = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    ec_key.public_key().verify(encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))

    assert header == {"alg": "ES256", "typ": "JWT", "kid": "KEY1234567"}
    assert claims == CLAIMS


def test_rs256_is_verified_by_the_public_key(rsa_key: rsa.RSAPrivateKey) -> None:
    header, claims, signed, signature = read(sign_rs256(rsa_key, CLAIMS, kid="k"))
    rsa_key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())

    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k"}
    assert claims == CLAIMS


def test_a_changed_claim_is_not_verified(rsa_key: rsa.RSAPrivateKey) -> None:
    *_, signature = read(sign_rs256(rsa_key, CLAIMS))
    _, _, other, _ = read(sign_rs256(rsa_key, CLAIMS | {"iat": 0}))

    with pytest.raises(InvalidSignature):
        rsa_key.public_key().verify(signature, other, padding.PKCS1v15(), hashes.SHA256())


def test_short_halves_keep_their_leading_zeros(ec_key: ec.EllipticCurvePrivateKey) -> None:
    signatures = [read(sign_es256(ec_key, {"n": number}))[3] for number in range(2000)]

    assert any(0 in (signature[0], signature[32]) for signature in signatures)
    assert {len(signature) for signature in signatures} == {64}


@given(some.binary())
def test_base64url_has_no_padding_and_loses_nothing(octets: bytes) -> None:
    assert decode(encode_base64url(octets)) == octets
