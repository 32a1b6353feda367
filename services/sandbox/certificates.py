"""The sandbox's own certificate authority, and the server certificate it signs."""

import ipaddress
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from services.sandbox import state, tls

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificates:
    ca_file: Path
    server_file: Path
    server_key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.2 or later, and HTTP/2 as the only protocol offered."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.server_file, self.server_key_file)
        return context

    def open_context(self, spoken: Callable[[], Sequence[str]] = lambda: ("h2",)) -> SSL.Context:
        """As `server_context`, and takes any client certificate."""
        return tls.open_context(self.server_file, self.server_key_file, spoken)

    def client_context(self) -> ssl.SSLContext:
        """Trusts this sandbox and nobody else."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.set_alpn_protocols(["h2"])
        return context


def obtain(folder: Path, host: str, now: datetime) -> Certificates:
    """Reuse what the folder holds; issue what is missing, about to expire, or for another name."""
    certificates = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority_key_file = folder / "ca.key"
    names = tuple(dict.fromkeys((*LOOPBACK_NAMES, host)))
    if not (_is_current(certificates.ca_file, now) and authority_key_file.exists()):
        _issue_authority(certificates.ca_file, authority_key_file, now)
        certificates.server_file.unlink(missing_ok=True)
    if not _serves(certificates, names, now):
        _issue_server(certificates, authority_key_file, names, now)
    return certificates


def _is_current(path: Path, now: datetime) -> bool:
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.not_valid_after_utc - now > RENEW_BEFORE


def _serves(certificates: Certificates, names: tuple[str, ...], now: datetime) -> bool:
    if not (certificates.server_key_file.exists() and _is_current(certificates.server_file, now)):
        return False
    server = x509.load_pem_x509_certificate(certificates.server_file.read_bytes())
    named = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(named) == set(_alternative_names(names))


def _issue_authority(path: Path, key_path: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _common_name("Carillon sandbox authority")
    usage = _usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        _draft(name, name, key, now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    state.keep(key_path, private_pem(key))
    state.keep(path, certificate.public_bytes(serialization.Encoding.PEM), state.PUBLIC)


def _issue_server(
    certificates: Certificates, authority_key_file: Path, names: tuple[str, ...], now: datetime
) -> None:
    authority = x509.load_pem_x509_certificate(certificates.ca_file.read_bytes())
    authority_key = serialization.load_pem_private_key(authority_key_file.read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{authority_key_file} does not hold an elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _draft(_common_name(names[-1]), authority.subject, key, now, SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(names)), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    state.keep(certificates.server_key_file, private_pem(key))
    certificate_pem = certificate.public_bytes(serialization.Encoding.PEM)
    state.keep(certificates.server_file, certificate_pem, state.PUBLIC)


def private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _draft(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # An hour of slack, for a client whose clock is behind.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative_names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    return [_alternative_name(name) for name in names]


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
