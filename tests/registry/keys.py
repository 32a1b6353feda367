"""Gateway credentials for tests, made on the spot."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


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
