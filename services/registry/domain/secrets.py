"""Secrets of an application: how they are made, kept and judged."""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.registry.domain.callers import SecretKind

SECRET_BYTES = 32
KEY_ID_BYTES = 9
MIN_PEPPER_BYTES = 32
# The application's GUID without hyphens, the key's id, and 256 random bits. It names its
# application, because it comes alone: whoever exchanges it for a token says nothing else.
API_KEY = re.compile(r"([0-9a-f]{32})\.([\w-]{12})\.[\w-]{43}", re.ASCII)


def new_secret() -> str:
    """256 random bits, in letters that survive headers and URLs."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_key_id() -> str:
    return secrets.token_urlsafe(KEY_ID_BYTES)


def new_api_key(app_id: UUID, key_id: str) -> str:
    return f"{app_id.hex}.{key_id}.{new_secret()}"


def read_api_key(text: str) -> tuple[UUID, str] | None:
    """The application and the id that an API key claims; None if it is no such text."""
    match = API_KEY.fullmatch(text)
    return (UUID(match[1]), match[2]) if match else None


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What is kept of a secret. Several of a kind are valid at once while one is rotated."""

    kind: SecretKind
    digest: bytes
    expire_time: datetime | None = None


class Judge:
    """Knows secrets by their HMAC under a pepper, which is kept outside the database.

    The digest covers the application and the kind: a row copied to another application, or a
    clientSecret shown as an appSecret, proves nothing.
    """

    def __init__(self, pepper: bytes) -> None:
        if len(pepper) < MIN_PEPPER_BYTES:
            raise ValueError(f"a pepper has at least {MIN_PEPPER_BYTES} bytes")
        self._pepper = pepper

    def digest(self, app_id: UUID, kind: SecretKind, secret: str) -> bytes:
        return self._digest(app_id, kind.value, secret)

    def digest_key(self, app_id: UUID, key: str) -> bytes:
        """Of an API key, whose text holds its id: the digest covers that too."""
        return self._digest(app_id, "api_key", key)

    def _digest(self, app_id: UUID, kind: str, secret: str) -> bytes:
        text = b"\n".join((app_id.hex.encode(), kind.encode(), secret.encode()))
        return hmac.digest(self._pepper, text, "sha256")

    def find(
        self,
        app_id: UUID,
        kind: SecretKind,
        secret: str,
        stored: Sequence[StoredSecret],
        now: datetime,
    ) -> StoredSecret | None:
        """The one that was shown, if it is valid; the time taken does not tell how nearly."""
        digest = self.digest(app_id, kind, secret)
        found = None
        for one in stored:
            is_equal = hmac.compare_digest(digest, one.digest)
            is_current = one.expire_time is None or now < one.expire_time
            if is_equal and is_current and one.kind is kind:
                found = one
        return found

    def knows_key(self, app_id: UUID, key: str, digest: bytes) -> bool:
        return hmac.compare_digest(self.digest_key(app_id, key), digest)
