"""A message: what is said, to whom, and where it stands."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum, IntEnum
from uuid import UUID

from services.dispatch.domain import ids
from services.dispatch.domain.content import MAX_TIME_TO_LIVE, Content
from services.dispatch.domain.schedules import AT_ONCE, Schedule


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
    EXPRESSION = "expression"


class Operator(Enum):
    """What a node of the tree says; the first two are its leaves."""

    TAG = "tag"
    PLATFORM = "platform"
    NOT = "not"
    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class Expression:
    """A node: a leaf has its name or platform, any other its parts."""

    operator: Operator
    tag_name: str = ""
    platform: Platform = Platform.MIXED
    parts: tuple["Expression", ...] = ()

    def may_mean(self, platform: Platform) -> bool:
        """Whether it can be true of a device of this platform, whatever tags that has."""
        return self._bounds(platform)[0]

    @property
    def leaves(self) -> int:
        return sum(part.leaves for part in self.parts) if self.parts else 1

    def _bounds(self, platform: Platform) -> tuple[bool, bool]:
        """Whether it can be true there, and whether it can be false."""
        parts = [part._bounds(platform) for part in self.parts]  # noqa: SLF001  our own kind
        match self.operator:
            case Operator.TAG:
                return True, True
            case Operator.PLATFORM:
                return self.platform is platform, self.platform is not platform
            case Operator.NOT:
                return parts[0][1], parts[0][0]
            case Operator.AND:
                return all(true for true, _ in parts), any(false for _, false in parts)
            case Operator.OR:
                return any(true for true, _ in parts), all(false for _, false in parts)


# A target of so few names is one parcel from the start: no planning stands before it.
SMALL_TARGET = 500


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a message is for. `names` go with tags, users and devices, others with their kind."""

    kind: TargetKind
    names: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    expression: Expression | None = None

    @property
    def is_small(self) -> bool:
        explicit = self.kind in {TargetKind.DEVICES, TargetKind.USERS}
        return explicit and len(self.names) <= SMALL_TARGET

    def may_mean(self, platform: Platform) -> bool:
        """Whether it can reach devices of this platform."""
        if self.kind is TargetKind.PLATFORMS:
            return platform in self.platforms
        return self.expression is None or self.expression.may_mean(platform)


class Status(IntEnum):
    """Where a message stands; it only moves up these numbers."""

    SCHEDULED = 0
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
    is_paused: bool = False
    schedule: Schedule = AT_ONCE

    @property
    def start_time(self) -> datetime:
        """From when on it may be sent. All its times are counted from here, and so is its day."""
        return self.schedule.start or self.create_time

    @property
    def day(self) -> date:
        """Under which its outcomes and receipts stand."""
        return self.start_time.astimezone(UTC).date()

    def deadline(self, patience: timedelta) -> datetime:
        """When its time is over on every platform, if it is tried for so long.

        What is for now or never is tried once, however late: it sets no end.
        """
        platforms = (platform for platform in Platform if platform is not Platform.MIXED)
        longest = max(self.time_to_live(platform) or patience for platform in platforms)
        return self.start_time + min(patience, longest)

    def time_to_live(self, platform: Platform) -> timedelta:
        """How long after its start it is of use; zero means now or never."""
        seconds = self._asked_seconds(platform)
        asked = timedelta(seconds=MAX_TIME_TO_LIVE if seconds is None else seconds)
        return (
            asked if self.schedule.end is None else min(asked, self.schedule.end - self.start_time)
        )

    def expire_time(self, platform: Platform) -> datetime:
        return self.start_time + self.time_to_live(platform)

    def remaining_seconds(self, platform: Platform, now: datetime) -> int:
        """How long a gateway is to keep it from now on."""
        lifetime = self.time_to_live(platform)
        left = self.start_time + lifetime - now
        return math.ceil(min(max(left, timedelta()), lifetime).total_seconds())

    def _asked_seconds(self, platform: Platform) -> int | None:
        content = self.content
        match platform:
            case Platform.IOS:
                return content.apple.time_to_live
            case Platform.ANDROID:
                return content.android.time_to_live
            case Platform.WEB_CHROME:
                return content.chrome.time_to_live
            case Platform.WEB_FIREFOX:
                return content.firefox.time_to_live
            case Platform.WEB_SAFARI:
                return content.safari.web.time_to_live
            case Platform.APPEXT_CHROME:
                return content.chrome_app.time_to_live
            case Platform.MIXED:
                return None


@dataclass(frozen=True, slots=True)
class Submission:
    """A message as its sender submits it, valid and within its limits."""

    app_id: UUID
    content: Content
    target: Target
    annotation: str
    trace_parent: str
    schedule: Schedule = AT_ONCE

    def accepted(self, now: datetime) -> Message:
        """The message it becomes, under a fresh id: a small target needs no planning."""
        status = Status.DISPATCHING if self.target.is_small else Status.ACCEPTED
        return Message(
            app_id=self.app_id,
            message_id=ids.new_message_id(),
            content=self.content,
            target=self.target,
            annotation=self.annotation,
            status=status if self.schedule.start is None else Status.SCHEDULED,
            create_time=now,
            end_time=None,
            trace_parent=self.trace_parent,
            schedule=self.schedule,
        )
