"""Signed tokens (RFC 7519) in the two forms that gateways ask for: ES256 and RS256."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

P256_BYTES = 32


def encode_base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sign_es256(key: ec.EllipticCurvePrivateKey, claims: Mapping[str, Any], **header: str) -> str:
    signed = _write({"alg": "ES256", "typ": "JWT", **header}, claims)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(P256_BYTES, "big") + s.to_bytes(P256_BYTES, "big")
    return f"{signed}.{encode_base64url(signature)}"


def sign_rs256(key: rsa.RSAPrivateKey, claims: Mapping[str, Any], **header: str) -> str:
    signed = _write({"alg": "RS256", "typ": "JWT", **header}, claims)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encode_base64url(signature)}"


def _write(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    parts = (encode_base64url(msgspec.json.encode(part)) for part in (header, claims))
    return ".".join(parts)
