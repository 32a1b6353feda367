"""A webhook: where an application is told what happens, and how the request is signed.

The signature is that of the Standard Webhooks specification 1.0, so that receivers find a library.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntFlag
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from uuid import UUID

SECRET_PREFIX = "whsec_"  # noqa: S105  the name of a kind of secret
SECRET_BYTES = 32
# How long the secret before the newest one signs too.
OVERLAP = timedelta(hours=24)
MASK = "***"
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 3600.0
MAX_DOUBLINGS = 12


class EventKind(IntFlag):
    """What may be told. The numbers are those stored, added up for a webhook."""

    DEVICE_REGISTERED = 1
    DEVICE_UPDATED = 2
    DEVICE_UNREGISTERED = 4
    SUBSCRIBED = 8
    UNSUBSCRIBED = 16
    NOTIFICATION_STATUS = 32
    NOTIFICATION_SENT = 64
    NOTIFICATION_FAILED = 128


DEVICES = EventKind.DEVICE_REGISTERED | EventKind.DEVICE_UPDATED | EventKind.DEVICE_UNREGISTERED
SUBSCRIPTIONS = EventKind.SUBSCRIBED | EventKind.UNSUBSCRIBED
NOTIFICATIONS = (
    EventKind.NOTIFICATION_STATUS | EventKind.NOTIFICATION_SENT | EventKind.NOTIFICATION_FAILED
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in an application."""

    app_id: UUID
    kind: EventKind
    entity: dict[str, Any]
    time: datetime
    trace_parent: str = ""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """One secret of a webhook; an earlier one until its end."""

    value: str = field(repr=False)
    end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """What is secret of a webhook: the user-info of its URL and its secrets, the newest first."""

    user_info: str = field(repr=False)
    secrets: tuple[SigningSecret, ...]

    def rotated(self, value: str, now: datetime) -> "Keyring":
        """With a new secret before the newest one, which ends after a day; older ones end now."""
        return Keyring(
            self.user_info,
            (SigningSecret(value), SigningSecret(self.secrets[0].value, now + OVERLAP)),
        )

    def valid(self, now: datetime) -> list[str]:
        return [one.value for one in self.secrets if one.end_time is None or now < one.end_time]


@dataclass(frozen=True, slots=True)
class Webhook:
    """`url` is without its user-info."""

    app_id: UUID
    name: str
    url: str = field(repr=False)
    kinds: EventKind
    annotation: str
    keyring: Keyring
    create_time: datetime
    update_time: datetime

    @property
    def shown_url(self) -> str:
        """The URL with its user, and a mask for the password."""
        if not self.keyring.user_info:
            return self.url
        user, colon, _ = self.keyring.user_info.partition(":")
        shown = f"{quote(user, safe='')}:{MASK}" if colon else MASK
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{shown}@{parts.netloc}"))


def split_url(url: str) -> tuple[str, str]:
    """The URL without its user-info, and the user-info as Basic credentials have it.

    Raises:
        ValueError: if it is no URL.
    """
    parts = urlsplit(url)
    user_info, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, ""
    return urlunsplit(parts._replace(netloc=host)), unquote(user_info)


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(signing: Sequence[str], event_id: str, timestamp: int, body: bytes) -> str:
    """The signature header: one signature for each secret, as `v1,<base64>` with spaces between."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    return " ".join("v1," + _mac(secret, signed) for secret in signing)


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def longest_pause(failures: int) -> float:
    """Seconds of which a pause after so many failures draws its part at random."""
    doubled: float = FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, MAX_DOUBLINGS)
    return min(doubled, LONGEST_PAUSE_SECONDS)
