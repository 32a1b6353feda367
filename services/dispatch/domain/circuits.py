"""What keeps an application from a gateway: an open circuit, or a fuse that has blown."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from services.dispatch.domain.messages import Platform

# A platform of an application has one credential: the two stand for it everywhere.
Key = tuple[UUID, Platform]


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

    app_id: UUID
    platform: Platform
    cause: Cause
    reason: str
    # Of the credential that was refused.
    version: int
    # Probes that failed, the first failure included.
    failures: int
    open_time: datetime
    probe_time: datetime
    is_closing: bool

    @property
    def key(self) -> Key:
        return self.app_id, self.platform


@dataclass(frozen=True, slots=True)
class BlownFuse:
    """Reports of dead and suspect addresses are held until an operator decides.

    `confirm_time` is when one confirmed them: for a day after it they are believed.
    """

    app_id: UUID
    platform: Platform
    share: float
    blow_time: datetime
    confirm_time: datetime | None

    @property
    def key(self) -> Key:
        return self.app_id, self.platform
