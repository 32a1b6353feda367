"""What an app is configured with: an APNs key and an FCM service account, made once and kept."""

import secrets
import string
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.sandbox import state
from services.sandbox.certificates import private_pem

PROJECT_ID = "acme-bank-demo"
RSA_KEY_SIZE = 2048


class Names(msgspec.Struct, frozen=True):
    """What the keys are called by; as random as the vendors' own, but no secret."""

    key_id: str
    team_id: str
    project_id: str
    sender_id: str
    client_id: str
    private_key_id: str

    @property
    def client_email(self) -> str:
        return f"carillon@{self.project_id}.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Identity:
    names: Names
    apns_key: ec.EllipticCurvePrivateKey
    account_key: rsa.RSAPrivateKey

    def apns_point(self) -> bytes:
        """The public half of the APNs key, as an uncompressed point."""
        return self.apns_key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def apns_pem(self) -> str:
        return private_pem(self.apns_key).decode("ascii")

    def service_account(self, gateway_url: str) -> dict[str, str]:
        """The key file as Google's console gives it, with our token endpoint."""
        return {
            "type": "service_account",
            "project_id": self.names.project_id,
            "private_key_id": self.names.private_key_id,
            "private_key": private_pem(self.account_key).decode("ascii"),
            "client_email": self.names.client_email,
            "client_id": self.names.client_id,
            "auth_uri": f"{gateway_url}/o/oauth2/auth",
            "token_uri": f"{gateway_url}/token",
            "universe_domain": "googleapis.com",
        }


def obtain(folder: Path) -> Identity:
    """Reuse what the folder holds, make what it lacks."""
    return Identity(
        names=_names(folder / "names.json"),
        apns_key=_apns_key(folder / "apns.p8"),
        account_key=_account_key(folder / "service-account.key"),
    )


def _names(path: Path) -> Names:
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Names)
    names = Names(
        key_id=_pick(string.ascii_uppercase + string.digits, 10),
        team_id=_pick(string.ascii_uppercase + string.digits, 10),
        project_id=PROJECT_ID,
        # A project number has no leading zero.
        sender_id=_pick("123456789", 12),
        client_id=_pick("123456789", 21),
        private_key_id=secrets.token_hex(20),
    )
    state.keep(path, msgspec.json.encode(names))
    return names


def _apns_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        state.keep(path, private_pem(ec.generate_private_key(ec.SECP256R1())))
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} does not hold an elliptic curve key")
    return key


def _account_key(path: Path) -> rsa.RSAPrivateKey:
    if not path.exists():
        state.keep(path, private_pem(rsa.generate_private_key(65537, RSA_KEY_SIZE)))
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path} does not hold an RSA key")
    return key


def _pick(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
