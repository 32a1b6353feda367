"""The key pair by which an application speaks to Web Push services (RFC 8292)."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PRIVATE_BYTES = 32
VAULT_KIND = "vapid"


@dataclass(frozen=True, slots=True)
class VapidPair:
    """A P-256 pair: the uncompressed point (65 bytes) and the private number (32 bytes)."""

    public: bytes
    private: bytes = field(repr=False)


def new_pair() -> VapidPair:
    key = ec.generate_private_key(ec.SECP256R1())
    return VapidPair(
        public=key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        private=key.private_numbers().private_value.to_bytes(PRIVATE_BYTES, "big"),
    )
