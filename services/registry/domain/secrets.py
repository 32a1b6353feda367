"""Secrets of an application: how they are made, kept and judged."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.registry.domain.application import SecretKind

SECRET_BYTES = 32
MIN_PEPPER_BYTES = 32


def new_secret() -> str:
    """256 random bits, in letters that survive headers and URLs."""
    return secrets.token_urlsafe(SECRET_BYTES)


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
        text = b"\n".join((app_id.bytes.hex().encode(), kind.value.encode(), secret.encode()))
        return hmac.digest(self._pepper, text, "sha256")

    def judge(
        self,
        app_id: UUID,
        shown: Mapping[SecretKind, str],
        stored: Sequence[StoredSecret],
        now: datetime,
    ) -> frozenset[SecretKind]:
        """The kinds whose secret is valid; the time taken does not tell which, or how nearly."""
        valid = set()
        for kind, secret in shown.items():
            digest = self.digest(app_id, kind, secret)
            if _is_among(digest, stored, now):
                valid.add(kind)
        return frozenset(valid)


def _is_among(digest: bytes, stored: Sequence[StoredSecret], now: datetime) -> bool:
    found = False
    for one in stored:
        is_equal = hmac.compare_digest(digest, one.digest)
        is_current = one.expire_time is None or now < one.expire_time
        found |= is_equal and is_current
    return found
