"""Gateway credentials for tests, made on the spot."""

import json
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from tests.conftest import NOON

PASSWORD = "secret"


def pem(key: PrivateKeyTypes) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def p256() -> str:
    return pem(ec.generate_private_key(ec.SECP256R1()))


@cache
def p384() -> str:
    return pem(ec.generate_private_key(ec.SECP384R1()))


@cache
def rsa_key() -> str:
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def service_account(**changed: Any) -> str:
    account = {
        "type": "service_account",
        "project_id": "acme-bank",
        "private_key_id": "1",
        "private_key": rsa_key(),
        "client_email": "push@acme-bank.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        **changed,
    }
    return json.dumps({name: value for name, value in account.items() if value is not None})


@cache
def push_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    topic: str = "com.acme.bank",
    *,
    name: str = "Apple Push Services",
    begins: datetime = NOON - timedelta(days=1),
    ends: datetime = NOON + timedelta(days=365),
    marks: tuple[str, ...] = (),
) -> x509.Certificate:
    """A certificate as Apple's are, signed by itself; no topic leaves its UID out."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if topic:
        attributes.append(x509.NameAttribute(NameOID.USER_ID, topic))
    subject = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(push_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for mark in marks:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(mark), b"\x05\x00")
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(push_key(), hashes.SHA256())


def p12(
    found: x509.Certificate | None = None,
    *,
    password: str = PASSWORD,
    key: rsa.RSAPrivateKey | None = None,
    rounds: int = 2048,
) -> bytes:
    """A .p12 file of a certificate and its key, or of another key."""
    protection = (
        PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds).build(password.encode())
        if password and rounds
        else NoEncryption()
    )
    leaf = certificate() if found is None else found
    return pkcs12.serialize_key_and_certificates(None, key or push_key(), leaf, None, protection)


def bare_key_p12() -> bytes:
    secret = BestAvailableEncryption(b"secret")
    return pkcs12.serialize_key_and_certificates(None, push_key(), None, None, secret)


def bare_certificate_p12() -> bytes:
    secret = BestAvailableEncryption(b"secret")
    return pkcs12.serialize_key_and_certificates(None, None, certificate(), None, secret)
