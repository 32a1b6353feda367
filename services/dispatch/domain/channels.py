"""Android's notification channels: how messages of one kind are presented, and under what heading.

The SDKs create a channel from what a message carries; they know no other way to learn of it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")

DEFAULT_IMPORTANCE = 3
MAX_IMPORTANCE = 5
DEFAULT_COLOUR = "BLACK"
COLOURS = (
    *("BLACK", "DARKGRAY", "GRAY", "LIGHTGRAY", "WHITE", "RED", "GREEN", "BLUE", "YELLOW"),
    *("CYAN", "MAGENTA", "TRANSPARENT"),
)
MAX_VIBRATIONS = 32
MAX_VIBRATION_MS = 10_000


class Visibility(IntEnum):
    """What a locked screen shows. The numbers are Android's own."""

    SECRET = -1
    PRIVATE = 0
    PUBLIC = 1


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """A heading over several channels."""

    group_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel with the group it stands in: all that a message carries of it.

    Attributes:
        sound: Name of a sound within the app; empty for none.
        vibration_pattern: Milliseconds of stillness and movement by turns.
    """

    channel_id: str
    name: str
    importance: int = DEFAULT_IMPORTANCE
    enable_lights: bool = False
    light_color: str = DEFAULT_COLOUR
    enable_vibration: bool = False
    vibration_pattern: tuple[int, ...] = ()
    sound: str = ""
    lock_screen_visibility: Visibility = Visibility.PUBLIC
    bypass_dnd: bool = False
    show_badge: bool = True
    description: str = ""
    group: ChannelGroup | None = None


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A channel or a group on record."""

    value: T
    create_time: datetime
    update_time: datetime
