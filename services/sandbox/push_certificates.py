"""Push certificates as Apple hands them out, signed by themselves: for the app and for a site."""

import base64
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID

from services.sandbox import state

# No secret: whoever reads it has the file too.
PASSWORD = "sandbox"  # noqa: S105
LIFETIME = timedelta(days=395)
RENEW_BEFORE = timedelta(days=60)
KEY_SIZE = 2048


def obtain(path: Path, name: str, topic: str, now: datetime) -> dict[str, Any]:
    """A .p12 file in base64 and what opens it; reused while it is current and for this topic."""
    if not (path.exists() and _is_current(path.read_bytes(), topic, now)):
        state.keep(path, _issue(name, topic, now))
    return {"certificate": base64.b64encode(path.read_bytes()).decode(), "password": PASSWORD}


def _is_current(content: bytes, topic: str, now: datetime) -> bool:
    found = pkcs12.load_pkcs12(content, PASSWORD.encode()).cert
    if found is None or found.certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return False
    named = found.certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    return [attribute.value for attribute in named] == [topic]


def _issue(name: str, topic: str, now: datetime) -> bytes:
    key = rsa.generate_private_key(65537, KEY_SIZE)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, topic),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name}: {topic}"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .sign(key, hashes.SHA256())
    )
    protection = BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(None, key, certificate, None, protection)
