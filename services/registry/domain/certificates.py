"""What a push certificate must look like to be kept: a PKCS#12 file opened, dated and matched."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from services.registry.domain.credentials import CredentialMalformed

# Apple's marks of the environments that a certificate is good for.
DEVELOPMENT = x509.ObjectIdentifier("1.2.840.113635.100.6.3.1")
PRODUCTION = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")
# Whoever wrote the file chose how often its password is hashed; people's programs choose 2,048 to
# a few ten thousand, three times in a file. So many in all take a second.
MAX_ITERATIONS = 1_000_000
MAX_DEPTH = 16

SEQUENCE, OCTET_STRING, INTEGER = 0x30, 0x04, 0x02
CONSTRUCTED, INDEFINITE, LONG_FORM = 0x20, 0x80, 0x80


class PasswordWrong(CredentialMalformed):
    """The file is one, and the password does not open it."""


@dataclass(frozen=True, slots=True)
class PushCertificate:
    """A certificate with its key, as dispatch presents it to APNs. PEM, the leaf first."""

    chain: str
    private_key: str = field(repr=False)
    # Empty if the certificate names none: its only topic is then Apple's to know.
    topic: str
    is_for_sandbox: bool
    is_for_production: bool
    expire_time: datetime


def read_pkcs12(content: bytes, password: str, now: datetime) -> PushCertificate:
    """Open a .p12 file.

    Raises:
        PasswordWrong: if that is all that is wrong.
        CredentialMalformed: if it is no such file, or holds no certificate that is good now.
    """
    _refuse_costly(content)
    opened = _open(content, password)
    key, found = opened.key, opened.cert
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CredentialMalformed("must hold the certificate's private key, RSA or EC")
    if found is None:
        raise CredentialMalformed("must hold a certificate that belongs to its private key")
    leaf = found.certificate
    _check_match(leaf, key)
    _check_dates(leaf, now)
    chain = [leaf, *(issuer.certificate for issuer in opened.additional_certs)]
    development, production = _holds(leaf, DEVELOPMENT), _holds(leaf, PRODUCTION)
    return PushCertificate(
        chain="".join(each.public_bytes(Encoding.PEM).decode() for each in chain),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        topic=_read_topic(leaf),
        # Without a mark it is no certificate of Apple's, and nothing speaks against either.
        is_for_sandbox=development or not production,
        is_for_production=production or not development,
        expire_time=leaf.not_valid_after_utc,
    )


def _open(content: bytes, password: str) -> pkcs12.PKCS12KeyAndCertificates:
    try:
        return pkcs12.load_pkcs12(content, password.encode())
    except ValueError as error:
        if "password" in str(error):
            raise PasswordWrong("does not open the certificate") from None
        raise CredentialMalformed("must be a .p12 file (PKCS#12)") from None
    except Exception:  # noqa: BLE001  an exotic key or cipher has errors of its own
        raise CredentialMalformed("must be a .p12 file (PKCS#12) that can be read here") from None


def _check_match(leaf: x509.Certificate, key: pkcs12.PKCS12PrivateKeyTypes) -> None:
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if leaf.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise CredentialMalformed("must hold the private key of its certificate, not of another")


def _check_dates(leaf: x509.Certificate, now: datetime) -> None:
    if leaf.not_valid_after_utc <= now:
        raise CredentialMalformed(f"expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if leaf.not_valid_before_utc > now:
        raise CredentialMalformed(f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d}")


def _read_topic(leaf: x509.Certificate) -> str:
    """The UID of the subject; of certificates without one, what follows a colon in their name."""
    for attribute in leaf.subject.get_attributes_for_oid(NameOID.USER_ID):
        if TOPIC.fullmatch(str(attribute.value)):
            return str(attribute.value)
    for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        _, colon, topic = str(attribute.value).rpartition(": ")
        if colon and TOPIC.fullmatch(topic):
            return topic
    return ""


def _holds(leaf: x509.Certificate, mark: x509.ObjectIdentifier) -> bool:
    try:
        leaf.extensions.get_extension_for_oid(mark)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return True


def _refuse_costly(content: bytes) -> None:
    """Refuse a file that would keep us hashing for hours; what cannot be read is no such file."""
    try:
        costly = sum(_iteration_counts(content, 0)) > MAX_ITERATIONS
    except (IndexError, ValueError):
        raise CredentialMalformed("must be a .p12 file (PKCS#12)") from None
    if costly:
        raise CredentialMalformed(f"must hash its password at most {MAX_ITERATIONS} times")


def _iteration_counts(content: bytes, depth: int) -> Iterator[int]:
    """Each whole number that follows a salt, wherever it stands in the ASN.1."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    before = 0
    for tag, value in _elements(content):
        if tag == INTEGER and before == OCTET_STRING:
            yield int.from_bytes(value, "big")
        if tag & CONSTRUCTED or (tag == OCTET_STRING and value[:1] == bytes([SEQUENCE])):
            try:
                yield from list(_iteration_counts(value, depth + 1))
            except (IndexError, ValueError):
                # Within a string: bytes that only look like a sequence.
                if tag != OCTET_STRING:
                    raise
        before = tag


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of one level: tag and value."""
    place = 0
    while place < len(content):
        tag, length = content[place], content[place + 1]
        place += 2
        if length == INDEFINITE:
            # Where it ends is only known to who has read it: the rest of the level counts as its.
            yield tag, content[place:]
            return
        if length & LONG_FORM:
            octets = length & ~LONG_FORM
            length = int.from_bytes(content[place : place + octets], "big")
            place += octets
        if place + length > len(content):
            raise ValueError("cut off")
        yield tag, content[place : place + length]
        place += length
