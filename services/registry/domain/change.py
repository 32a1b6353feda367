"""What other rooms must learn: who is gone."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from services.registry.domain.device import Platform


class ChangeKind(Enum):
    DEVICE_DELETED = "device_deleted"
    APPLICATION_DELETED = "application_deleted"


class Position(NamedTuple):
    """Where a change stands in the feed: its transaction, then its number."""

    transaction: int
    number: int


START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Change:
    position: Position
    app_id: UUID
    kind: ChangeKind
    uid: int | None = None


class DeviceEventKind(Enum):
    REGISTERED = "registered"
    UPDATED = "updated"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """What happened to a device of a watched application, and how it stood then."""

    position: Position
    app_id: UUID
    kind: DeviceEventKind
    uid: int
    device_id: str
    user_id: str | None
    platform: Platform
    address: str = field(repr=False)
    time: datetime
