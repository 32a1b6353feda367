"""What senders do, written for the tests and apart from the sandbox's code: sign and encrypt."""

import base64
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MESSAGING_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(b64url(json.dumps(part).encode()) for part in (header, claims))


def es256(key: ec.EllipticCurvePrivateKey, claims: dict[str, Any], **header: Any) -> str:
    signed = _signed({"alg": "ES256", **header}, claims)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64url(r.to_bytes(32) + s.to_bytes(32))}"


def rs256(key: rsa.RSAPrivateKey, claims: dict[str, Any], **header: Any) -> str:
    signed = _signed({"alg": "RS256", **header}, claims)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{b64url(signature)}"


def assertion(account: dict[str, str], now: float, **changes: Any) -> str:
    """What a service account sends to the token endpoint."""
    key = serialization.load_pem_private_key(account["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    claims = {
        "iss": account["client_email"],
        "scope": MESSAGING_SCOPE,
        "aud": account["token_uri"],
        "iat": int(now),
        "exp": int(now) + 3600,
    }
    return rs256(key, claims | changes, kid=account["private_key_id"])


def provider_token(apns: dict[str, str], now: float) -> str:
    key = serialization.load_pem_private_key(apns["key"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return es256(key, {"iss": apns["teamId"], "iat": int(now)}, kid=apns["keyId"])


@dataclass(frozen=True, slots=True)
class AppServer:
    """A Web Push sender with its VAPID key."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public_key(self) -> str:
        return b64url(point_of(self.key))

    def authorization(self, origin: str, now: float, **changes: Any) -> str:
        claims = {"aud": origin, "exp": int(now) + 3600, "sub": "mailto:ops@acme.example"}
        token = es256(self.key, {**claims, **changes})
        return f"vapid t={token}, k={self.public_key}"


def _hkdf(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    return HKDF(hashes.SHA256(), size, salt, info).derive(secret)


def encrypt(
    plaintext: bytes,
    receiver_point: bytes,
    auth: bytes,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
    pad: int = 0,
    delimiter: bytes = b"\x02",
) -> bytes:
    """RFC 8291 as an application server does it."""
    sender = sender or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    receiver = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), receiver_point)
    info = b"WebPush: info\0" + receiver_point + point_of(sender)
    secret = _hkdf(auth, sender.exchange(ec.ECDH(), receiver), info, 32)
    key = _hkdf(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(salt, secret, b"Content-Encoding: nonce\0", 12)
    record = AESGCM(key).encrypt(nonce, plaintext + delimiter + bytes(pad), None)
    return salt + (4096).to_bytes(4) + b"\x41" + point_of(sender) + record


def encrypt_for(token: str, plaintext: bytes) -> bytes:
    """For a web client's token as the REST API takes it."""
    subscription = json.loads(token)
    point = base64.b64decode(subscription["userPublicKey"], validate=True)
    return encrypt(plaintext, point, base64.b64decode(subscription["userAuth"], validate=True))
