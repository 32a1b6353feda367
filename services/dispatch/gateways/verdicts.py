"""What a gateway's answer means: a value to match on, never an exception.

Verdict = Accepted | Later | Dead | Suspect | Refused | Misconfigured | Stale | Unknown
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

import msgspec

MAX_RETRY_SECONDS = 3600.0
# A push service is whoever a client names: what it answers is stored, counted and shown.
PLAIN_REASON = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway took the notification."""


class Trouble(Enum):
    """Whose trouble a delay is: the one device's, or everybody's who uses the credential."""

    DEVICE = auto()
    THROTTLED = auto()
    OUTAGE = auto()


@dataclass(frozen=True, slots=True)
class Later:
    """It may be tried again: after `seconds`, or when the sender sees fit if it did not say."""

    reason: str
    seconds: float | None = None
    trouble: Trouble = Trouble.DEVICE
    # False: `seconds` is a vendor's advice. A message that would not live so long is tried before.
    is_firm: bool = True


@dataclass(frozen=True, slots=True)
class Dead:
    """The address is gone, by the gateway's clock since then."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Suspect:
    """The address may be wrong, or the credential may be: the device is quarantined for it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This message cannot be sent to this device; another one may.

    `blames_address`: not another one either, if the same payload passes elsewhere.
    """

    reason: str
    blames_address: bool = False


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The application's credential or settings are wrong: no message of it will pass."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stale:
    """Our token for the gateway has run out: renew it and ask once more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer after sending: it may have arrived, or not."""

    reason: str


Verdict = Accepted | Later | Dead | Suspect | Refused | Misconfigured | Stale | Unknown


class CredentialRefused(Exception):
    """Whoever gives out tokens for a gateway does not know the credential any more."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_members(body: bytes) -> dict[str, Any]:
    """The members of the JSON object in a body; none if it holds no such thing."""
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_reason(word: object, status: int) -> str:
    """The gateway's own word for what went wrong, if it is a plain one; else the bare status."""
    text = word if isinstance(word, str) else ""
    return text if PLAIN_REASON.fullmatch(text) else str(status)


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from a Retry-After header in either form (RFC 9110 §10.2.3), 0 to 3600.

    None if there is none, or none that can be read.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_SECONDS)
