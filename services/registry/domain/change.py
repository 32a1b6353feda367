"""What other rooms must learn: who is gone."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from uuid import UUID


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
