"""What a gateway's credential must look like to be kept. Nothing here quotes a credential."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# It becomes part of the URL that messages are posted to.
PROJECT_ID = re.compile(r"[a-z0-9.:-]{1,254}")


class CredentialMalformed(Exception):
    """What is wrong with it, as the rest of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The members of Google's key file that sending takes."""

    type: str
    project_id: str
    client_email: str
    private_key: str
    token_uri: str


def check_p256_key(pem: str) -> None:
    """Accept a P-256 private key in PEM, without a password.

    Raises:
        CredentialMalformed: if it is anything else.
    """
    key = _load(pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CredentialMalformed("must be a P-256 private key in PEM, as in a .p8 file")


def read_service_account(text: str) -> ServiceAccount:
    """Read Google's key file.

    Raises:
        CredentialMalformed: if it is no complete service account.
    """
    try:
        account = msgspec.json.decode(text, type=ServiceAccount)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise CredentialMalformed(
            "must be a service account in JSON with type, project_id, client_email, private_key"
            " and token_uri"
        ) from None
    if account.type != "service_account":
        raise CredentialMalformed('must have the type "service_account"')
    if not PROJECT_ID.fullmatch(account.project_id):
        raise CredentialMalformed("must have a project_id of lower-case letters, digits, - . :")
    if not account.client_email:
        raise CredentialMalformed("must have a client_email")
    # Whether plain http may be asked is for dispatch to say, which knows the deployment's network.
    if not is_url(account.token_uri, {"https", "http"}):
        raise CredentialMalformed("must have a token_uri that begins with https://")
    if not isinstance(_load(account.private_key), rsa.RSAPrivateKey):
        raise CredentialMalformed("must have an RSA private_key in PEM")
    return account


def is_url(text: str, schemes: set[str]) -> bool:
    """Whether it is an absolute URL with a host, of one of these schemes."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _load(pem: str) -> PrivateKeyTypes | None:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
