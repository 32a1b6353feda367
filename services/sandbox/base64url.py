"""Base64url without padding (RFC 7515 section 2), read strictly."""

import base64
import re

ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Raise ValueError on a foreign character, which the standard library would skip."""
    if not ALPHABET.fullmatch(text):
        raise ValueError("not base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
