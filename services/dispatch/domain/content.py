"""What a message says, and how it is to look and to travel on each platform.

Texts are empty where nothing was said. `payload` is JSON text: an object, or a string.
Times to live are in seconds; None means as long as a gateway keeps a message.
"""

from dataclasses import dataclass
from enum import Enum

from services.dispatch.domain.channels import Channel

# Four weeks: what Google keeps at most, and what the others are asked for too.
MAX_TIME_TO_LIVE = 2_419_200


class Presentation(Enum):
    """Whether a message shows itself, wakes the app beside, or only wakes the app."""

    ALERT = "alert"
    MIXED = "mixed"
    SILENT = "silent"


class InterruptionLevel(Enum):
    PASSIVE = "passive"
    ACTIVE = "active"
    TIME_SENSITIVE = "time-sensitive"
    CRITICAL = "critical"


class AndroidPriority(Enum):
    MAX = "max"
    HIGH = "high"
    DEFAULT = "default"
    LOW = "low"
    MIN = "min"


class Visibility(Enum):
    PUBLIC = "public"
    PRIVATE = "private"
    SECRET = "secret"  # noqa: S105  what a locked screen shows, no password


class StyleKind(Enum):
    BIG_TEXT = "bigtext_notification"
    PICTURE = "picture_notification"
    INBOX = "inbox_notification"


class Urgency(Enum):
    """RFC 8030 §5.3."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class CriticalSound:
    """A sound that plays in spite of the mute switch; `volume` is 0 to 1."""

    name: str = "default"
    volume: float = 1.0


@dataclass(frozen=True, slots=True)
class AppleOptions:
    """How a message looks on iOS. `priority` is Apple's: 1, 5 or 10; None leaves it to us."""

    title: str = ""
    subtitle: str = ""
    payload: str = ""
    presentation: Presentation = Presentation.ALERT
    badge: int | None = None
    sound: str = ""
    critical_sound: CriticalSound | None = None
    action_key: str = ""
    category: str = ""
    title_loc_key: str = ""
    title_loc_args: tuple[str, ...] = ()
    loc_key: str = ""
    loc_args: tuple[str, ...] = ()
    launch_image: str = ""
    attachment_url: str = ""
    collapse_id: str = ""
    thread_id: str = ""
    summary_arg: str = ""
    summary_arg_count: int | None = None
    interruption_level: InterruptionLevel | None = None
    relevance_score: float | None = None
    priority: int | None = None
    time_to_live: int | None = None


@dataclass(frozen=True, slots=True)
class Lights:
    """How the phone's light blinks: a colour's name, and milliseconds."""

    color: str = ""
    on_ms: int = 0
    off_ms: int = 0


@dataclass(frozen=True, slots=True)
class Style:
    """A notification that unfolds. Of the last three, the kind's own is set."""

    kind: StyleKind
    title: str
    url: str = ""
    text: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AndroidOptions:
    """How a message looks on Android. A blank `sound` is none; None is the phone's own."""

    title: str = ""
    payload: str = ""
    presentation: Presentation = Presentation.ALERT
    priority: AndroidPriority | None = None
    sound: str | None = None
    icon: str = ""
    category: str = ""
    visibility: Visibility | None = None
    redact: str = ""
    group_id: str = ""
    lights: Lights | None = None
    style: Style | None = None
    # Whether a watch shows it too; only False is told.
    bridge: bool = True
    # Whether it goes from the user's other phones once it is opened on one.
    sync: bool = False
    collapse_key: str = ""
    time_to_live: int | None = None


@dataclass(frozen=True, slots=True)
class WebOptions:
    """How a message looks in a browser. An empty `topic` is the message's id."""

    title: str = ""
    payload: str = ""
    icon_url: str = ""
    urgency: Urgency | None = None
    topic: str = ""
    time_to_live: int | None = None


@dataclass(frozen=True, slots=True)
class SafariOptions:
    """How a message looks in Safari: the first three on macOS as it was, the rest beside."""

    title: str = ""
    action: str = ""
    url_args: tuple[str, ...] = ()
    web: WebOptions = WebOptions()


@dataclass(frozen=True, slots=True)
class ChromeAppOptions:
    """How a message looks in a Chrome app or extension."""

    title: str = ""
    payload: str = ""
    icon_url: str = ""
    collapse_key: str = ""
    time_to_live: int | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a device is to show."""

    alert: str
    url: str = ""
    apple: AppleOptions = AppleOptions()
    android: AndroidOptions = AndroidOptions()
    chrome: WebOptions = WebOptions()
    firefox: WebOptions = WebOptions()
    safari: SafariOptions = SafariOptions()
    chrome_app: ChromeAppOptions = ChromeAppOptions()
    # Where nobody knows whether it arrived: rather lost than shown twice.
    prefer_loss: bool = False
    # Android's, as it stood when the message was accepted.
    channel: Channel | None = None
    # The id of a message to take off Android phones, but for those on which it was opened.
    dismisses: str = ""
    spared_uids: tuple[int, ...] = ()

    @property
    def may_be_silent(self) -> bool:
        """Whether a platform asks for silence: only then may the alert be empty."""
        asked = (self.apple.presentation, self.android.presentation)
        return Presentation.SILENT in asked

    @property
    def is_internal(self) -> bool:
        """Whether it is ours and no caller's."""
        return bool(self.dismisses)
