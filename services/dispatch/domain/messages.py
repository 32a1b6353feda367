"""A message: what is said, to whom, and where it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from uuid import UUID

from services.dispatch.domain import ids
from services.dispatch.domain.channels import Channel


class Platform(IntEnum):
    """What a device rings by. The numbers are those stored; 0 stands for a mixed parcel."""

    MIXED = 0
    IOS = 1
    ANDROID = 2
    WEB_CHROME = 3
    WEB_FIREFOX = 4
    WEB_SAFARI = 5
    APPEXT_CHROME = 6


class TargetKind(Enum):
    EVERYONE = "everyone"
    PLATFORMS = "platforms"
    TAGS = "tags"
    USERS = "users"
    DEVICES = "devices"


# A target of so few names is one parcel from the start: no planning stands before it.
SMALL_TARGET = 500


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a message is for. `platforms` goes with its kind alone, `names` with the last three."""

    kind: TargetKind
    names: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()

    @property
    def is_small(self) -> bool:
        explicit = self.kind in {TargetKind.DEVICES, TargetKind.USERS}
        return explicit and len(self.names) <= SMALL_TARGET


@dataclass(frozen=True, slots=True)
class Options:
    """How a message looks on one family of platforms. `payload` is JSON text."""

    title: str = ""
    payload: str = ""
    icon_url: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a device is to show."""

    alert: str
    url: str = ""
    apple: Options = Options()
    android: Options = Options()
    chrome: Options = Options()
    firefox: Options = Options()
    # As it stood when the message was accepted.
    channel: Channel | None = None


class Status(IntEnum):
    """Where a message stands; it only moves up these numbers."""

    ACCEPTED = 1
    PROCESSING = 2
    DISPATCHING = 3
    DISPATCHED = 4
    DISPATCHING_FAILED = 5
    FAILED = 6
    PROCESSING_FAILED = 7
    CANCELLED = 8


@dataclass(frozen=True, slots=True)
class Message:
    """A message on record."""

    app_id: UUID
    message_id: str
    content: Content
    target: Target
    annotation: str
    status: Status
    create_time: datetime
    end_time: datetime | None
    trace_parent: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A message as its sender submits it, valid and within its limits."""

    app_id: UUID
    content: Content
    target: Target
    annotation: str
    trace_parent: str

    def accepted(self, now: datetime) -> Message:
        """The message it becomes, under a fresh id: a small target needs no planning."""
        return Message(
            app_id=self.app_id,
            message_id=ids.new_message_id(),
            content=self.content,
            target=self.target,
            annotation=self.annotation,
            status=Status.DISPATCHING if self.target.is_small else Status.ACCEPTED,
            create_time=now,
            end_time=None,
            trace_parent=self.trace_parent,
        )
