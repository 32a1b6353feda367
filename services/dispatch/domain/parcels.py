"""A parcel: a slice of a message's target, one row in the queue, one unit of a sender's work."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from typing import NamedTuple
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
    # Of a credential whose circuit is open; due_time is when its time is over.
    PARKED = 4
    # Of a paused message; due_time is when its time is over.
    PAUSED = 5


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of the uid axis, open on the left: after_uid < uid <= through_uid."""

    platform: Platform
    after_uid: int
    through_uid: int
    expected_count: int = 0


class Environment(Enum):
    """Apple's two worlds: an address of the one is unknown in the other."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"

    @property
    def other(self) -> "Environment":
        return Environment.PRODUCTION if self is Environment.SANDBOX else Environment.SANDBOX


class Recipient(NamedTuple):
    """A device as a gateway needs it. `address` is a secret: never logged or stored here.

    `environment` is None until Apple has accepted the address in one. `newer_twin_uid` is 0, or a
    device that vouched for the same address later. A tuple, because there are millions of them.
    """

    uid: int
    platform: Platform
    address: str
    environment: Environment | None = None
    newer_twin_uid: int = 0

    def __repr__(self) -> str:
        return f"Recipient(uid={self.uid}, platform={self.platform!r})"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A leased parcel. `uids` is set on a later-parcel alone and then stands for the slice.

    So is `gate`, the way that its uids took; it is empty on all others.
    """

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
    gate: str = ""
    # Among the parcels of its application.
    turn: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """This very lease of it: the next one has a higher epoch."""
        return self.parcel_id, self.epoch

    @property
    def message_key(self) -> tuple[UUID, str]:
        return self.app_id, self.message_id

    @property
    def was_interrupted(self) -> bool:
        """Somebody held it before, and may have recorded some of it."""
        return self.epoch > 1


@dataclass(frozen=True, slots=True)
class LaterParcel:
    """What a gateway put off, or what a slice had outgrown: it becomes a parcel of its own.

    A parked one waits until the circuit of its gate closes, at most `wait_seconds`.
    """

    slice: Slice
    uids: tuple[int, ...] | None
    attempt: int
    wait_seconds: float
    is_parked: bool = False
    gate: str = ""
