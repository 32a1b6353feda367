"""Reading and verifying the signed tokens that senders present: ES256 and RS256, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from services.sandbox import base64url

MAX_TOKEN_LENGTH = 8192
_PARTS = 3
_ES256_SIGNATURE_SIZE = 64


class TokenInvalid(Exception):
    """The token is malformed, of another algorithm, or its signature does not hold."""


@dataclass(frozen=True, slots=True)
class Jwt:
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    def text(self, claim: str) -> str:
        """A claim that must be a string; empty if it is absent or something else."""
        value = self.claims.get(claim)
        return value if isinstance(value, str) else ""

    def seconds(self, claim: str) -> float | None:
        """A claim that must be a number of seconds; None if it is absent or something else."""
        value = self.claims.get(claim)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def verify_es256(token: str, point: bytes) -> Jwt:
    """Verify against an uncompressed P-256 point."""
    jwt, signed, signature = _open(token, "ES256")
    if len(signature) != _ES256_SIGNATURE_SIZE:
        raise TokenInvalid("an ES256 signature is 64 bytes of r and s")
    half = _ES256_SIGNATURE_SIZE // 2
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise TokenInvalid("the signature does not hold") from None
    except ValueError:
        raise TokenInvalid("the key is not a point of P-256") from None
    return jwt


def read(token: str, algorithm: str) -> Jwt:
    """A token that is well formed, signed by a key that is not known here."""
    jwt, _, signature = _open(token, algorithm)
    if not signature or (algorithm == "ES256" and len(signature) != _ES256_SIGNATURE_SIZE):
        raise TokenInvalid("the token is not signed as its algorithm has it")
    return jwt


def verify_rs256(token: str, key: rsa.RSAPublicKey) -> Jwt:
    jwt, signed, signature = _open(token, "RS256")
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise TokenInvalid("the signature does not hold") from None
    return jwt


def _open(token: str, algorithm: str) -> tuple[Jwt, bytes, bytes]:
    parts = token.split(".")
    if len(parts) != _PARTS or len(token) > MAX_TOKEN_LENGTH:
        raise TokenInvalid("a token has three parts and at most 8192 characters")
    try:
        header, claims = (msgspec.json.decode(base64url.decode(part)) for part in parts[:2])
        signature = base64url.decode(parts[2])
        signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    except ValueError:
        raise TokenInvalid("a part of the token cannot be decoded") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise TokenInvalid("header and claims must be JSON objects")
    if header.get("alg") != algorithm:
        raise TokenInvalid(f"the algorithm must be {algorithm}")
    return Jwt(header, claims), signed, signature
