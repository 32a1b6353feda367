"""What keeps an application from a gateway: an open circuit, or a fuse that has blown."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.messages import Platform

# The gate of Safari as it was, beside those of the push services that it uses today.
LEGACY = "legacy"
# How the gates begin that push services share which no browser comes with.
OTHER = "other-"


class Key(NamedTuple):
    """One way to a gateway, by one credential: what fails, is slowed and is mended by itself.

    `gate` is the gateway's short name for the way, empty where a platform has one alone. Then what
    is for the platform as a whole is for that gate, too; else it is for none of them.
    """

    app_id: UUID
    platform: Platform
    gate: str = ""


class Holder(NamedTuple):
    """Whose credential is used at a gate: a platform's of the application, and which of its own."""

    platform: Platform
    version: int


class Cause(IntEnum):
    """Why a circuit is open. The numbers are those stored."""

    OUTAGE = 1
    MISCONFIGURED = 2
    THROTTLED = 3


@dataclass(frozen=True, slots=True)
class Opening:
    """A circuit is to open; `seconds` is how long, if the gateway has said so."""

    cause: Cause
    reason: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Circuit:
    """An open circuit. While it closes, what was parked is made ready again."""

    key: Key
    cause: Cause
    reason: str
    # Of the credential that was refused.
    version: int
    # Probes that failed, the first failure included.
    failures: int
    open_time: datetime
    probe_time: datetime
    is_closing: bool


@dataclass(frozen=True, slots=True)
class BlownFuse:
    """Reports of dead and suspect addresses are held until an operator decides.

    `confirm_time` is when one confirmed them: for a day after it they are believed.
    """

    key: Key
    share: float
    blow_time: datetime
    confirm_time: datetime | None
