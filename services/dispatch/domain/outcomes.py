"""What came of a message on one device."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import TypeAlias
from uuid import UUID

from services.dispatch.domain.messages import Platform


class Outcome(IntEnum):
    """The numbers are those stored. SEEN and OPEN come from receipts, PENDING from neither."""

    PENDING = 1
    SENT = 2
    SEEN = 3
    OPEN = 4
    INVALID = 5
    FAILED = 6
    EXPIRED = 7
    CANCELLED = 8
    WITHDRAWN = 9
    DUPLICATE = 10


# How recipients ended: on which platform, with which outcome, for which reason.
Manner: TypeAlias = tuple[Platform, Outcome, str]
# Where an outcome stands on record: its segment, and its place within that.
Place: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Result:
    """How one recipient of a parcel ended."""

    uid: int
    platform: Platform
    outcome: Outcome
    reason: str = ""


def by_manner(results: Iterable[Result]) -> dict[Manner, list[int]]:
    """The uids of those who ended alike."""
    ended: dict[Manner, list[int]] = {}
    for each in results:
        ended.setdefault((each.platform, each.outcome, each.reason), []).append(each.uid)
    return ended


class Finding(IntEnum):
    """What an answer says of an address. The numbers are those stored."""

    DEAD = 1
    SUSPECT = 2
    PRODUCTION = 3
    SANDBOX = 4

    @property
    def condemns(self) -> bool:
        """Whether the device is no longer sent to because of it."""
        return self in {Finding.DEAD, Finding.SUSPECT}


@dataclass(frozen=True, slots=True)
class AddressReport:
    """A gateway's word about an address, on its way to registry."""

    app_id: UUID
    uid: int
    platform: Platform
    address_digest: bytes
    found_time: datetime
    finding: Finding
    # By which way the gateway was asked.
    gate: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a device said it did with a message."""

    app_id: UUID
    message_id: str
    uid: int
    platform: Platform
    outcome: Outcome

    @property
    def key(self) -> tuple[UUID, str, int]:
        return self.app_id, self.message_id, self.uid


@dataclass(frozen=True, slots=True)
class Report:
    """A receipt as its device hands it in."""

    app_id: UUID
    message_id: str
    device_id: str
    outcome: Outcome

    def by(self, uid: int, platform: Platform) -> Receipt:
        return Receipt(self.app_id, self.message_id, uid, platform, self.outcome)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One device's part in a message, as it stands on record."""

    uid: int
    platform: Platform
    outcome: Outcome
    reason: str
    update_time: datetime


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many recipients of a day's messages ended so. Who SENT counts may count as SEEN too."""

    day: date
    platform: Platform
    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    platform: Platform
    outcome: Outcome
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Opening:
    """A synced message that was opened on a device."""

    app_id: UUID
    message_id: str
    uid: int

    @property
    def message(self) -> tuple[UUID, str]:
        return self.app_id, self.message_id
