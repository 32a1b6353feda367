"""A parcel: a slice of a message's target, one row in the queue, one unit of a sender's work."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from services.dispatch.domain.messages import Platform

WHOLE_AXIS = 2**63 - 1


class Lane(IntEnum):
    """EXPRESS carries small explicit targets; no broadcast stands before them."""

    EXPRESS = 1
    BULK = 2


class ParcelState(IntEnum):
    """Only READY rows stand in the index that senders lease from."""

    READY = 1
    LEASED = 2
    DELAYED = 3


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of the uid axis, open on the left: after_uid < uid <= through_uid."""

    platform: Platform
    after_uid: int
    through_uid: int
    expected_count: int = 0


@dataclass(frozen=True, slots=True)
class Recipient:
    """A device as a gateway needs it. `address` is a secret: never logged or stored here."""

    uid: int
    platform: Platform
    address: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A leased parcel. `uids` is set on a later-parcel alone and then stands for the slice."""

    parcel_id: int
    app_id: UUID
    message_id: str
    lane: Lane
    slice: Slice
    uids: tuple[int, ...] | None
    attempt: int
    place: int
    first_time: datetime
    epoch: int

    @property
    def key(self) -> tuple[int, int]:
        """This very lease of it: the next one has a higher epoch."""
        return self.parcel_id, self.epoch

    @property
    def was_interrupted(self) -> bool:
        """Somebody held it before, and may have recorded some of it."""
        return self.epoch > 1


@dataclass(frozen=True, slots=True)
class LaterParcel:
    """What a gateway put off, or what a slice had outgrown: it becomes a parcel of its own."""

    slice: Slice
    uids: tuple[int, ...] | None
    attempt: int
    wait_seconds: float
