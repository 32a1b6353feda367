"""Tokens that stand for an API key: signed here, verified here, opaque to whoever carries them."""

import base64
import binascii
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import jwt

from services.kit.settings import SettingInvalid

ALGORITHM = "HS256"
KEY_BYTES = 32
MAX_TOKEN_BYTES = 2048
MAX_REMEMBERED = 4096


class Use(Enum):
    """What a token is good for."""

    ACCESS = "access"
    REFRESH = "refresh"


LIFETIMES = {Use.ACCESS: 3600, Use.REFRESH: 30 * 86_400}


@dataclass(frozen=True, slots=True)
class Holder:
    """The API key that a token stands for."""

    app_id: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Minted:
    text: str
    # Epoch seconds.
    expiration: int


class Tokens:
    """Signs under the first key; every key verifies what it has signed, so keys can rotate."""

    def __init__(self, keys: Mapping[str, bytes], now: Callable[[], float] = time.time) -> None:
        self._now = now
        # A token comes with every call of its hour. What does not verify is not remembered.
        self._verify = lru_cache(MAX_REMEMBERED)(_verify)
        self._headers = {key_id: {"kid": key_id} for key_id in keys}
        self._first, self._first_key = next(iter(keys.items()))
        # A token of ours begins with one of these. Nothing of another is parsed.
        self._keys = {
            jwt.encode({}, key, ALGORITHM, self._headers[key_id]).partition(".")[0]: key
            for key_id, key in keys.items()
        }

    def mint(self, holder: Holder, use: Use) -> Minted:
        issued = int(self._now())
        expiration = issued + LIFETIMES[use]
        claims = {
            "sub": holder.key_id,
            "app": holder.app_id,
            "aud": use.value,
            "iat": issued,
            "exp": expiration,
        }
        header = self._headers[self._first]
        return Minted(jwt.encode(claims, self._first_key, ALGORITHM, header), expiration)

    def read(self, text: str, use: Use) -> Holder | None:
        """Whom a token stands for; None if it is not ours, of another use, or has expired."""
        key = self._keys.get(text.partition(".")[0])
        if key is None or len(text) > MAX_TOKEN_BYTES:
            return None
        try:
            holder, expiration = self._verify(text, key, use)
        except (jwt.InvalidTokenError, ValueError):
            return None
        return holder if self._now() < expiration else None


def _verify(text: str, key: bytes, use: Use) -> tuple[Holder, int]:
    """Whom a token stands for and until when, whatever time it is now.

    Raises:
        jwt.InvalidTokenError, ValueError: if it is not ours, or of another use.
    """
    claims: dict[str, Any] = jwt.decode(
        text, key, [ALGORITHM], {"verify_exp": False, "verify_iat": False}, audience=use.value
    )
    # What we signed has all of them.
    return Holder(claims["app"], claims["sub"]), claims["exp"]


def read_keys(entries: Sequence[str]) -> dict[str, bytes]:
    """The keys of TOKEN_KEYS.

    Raises:
        SettingInvalid: if one is malformed or too short, or none is there.
    """
    keys = {}
    for entry in entries:
        key_id, _, text = entry.partition(":")
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not key_id or key_id in keys or len(key) < KEY_BYTES:
            raise SettingInvalid(
                "TOKEN_KEYS must be id:key pairs with commas between them, each id once,"
                f" each key {KEY_BYTES} bytes or more in base64."
            )
        keys[key_id] = key
    if not keys:
        raise SettingInvalid("TOKEN_KEYS must hold at least one key.")
    return keys
