"""Which devices want which tags."""

import re
from dataclasses import dataclass
from typing import TypeAlias

from services.targeting.domain.platforms import Platform
from services.targeting.domain.tags import PUSH_ALL

# A device's uid and a tag's number, by which subscriptions are ordered.
Place: TypeAlias = tuple[int, int]
# The number of `Push.ALL`, which is no tag on record. Those begin with 1.
NO_TAG = 0
# Numbers of 63 bits, as PostgreSQL has them.
SUBSCRIPTION_ID = re.compile("([0-7][0-9a-f]{15}){2}")


@dataclass(frozen=True, slots=True)
class Device:
    """Who a uid is, by registry's word.

    Attributes:
        user_id: Empty when the device belongs to nobody in particular.
        known: It exists and its address is not given up: it may be spoken of.
    """

    uid: int
    device_id: str
    user_id: str
    platform: Platform
    known: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    subscription_id: str
    device: Device
    tag_name: str


@dataclass(frozen=True, slots=True)
class TextFilter:
    """Which texts a list is about: one of the names, holding one of each of the parts.

    Without names any text will do, and without parts none is looked for.
    """

    names: frozenset[str] | None = None
    parts: tuple[tuple[str, ...], ...] = ()

    def admits(self, text: str) -> bool:
        return (self.names is None or text in self.names) and all(
            any(part in text for part in parts) for parts in self.parts
        )


@dataclass(frozen=True, slots=True)
class TagFilter(TextFilter):
    """Which tags a list is about."""

    def admits_broadcast(self) -> bool:
        """Whether `Push.ALL` is among them."""
        return self.admits(PUSH_ALL)


def subscribe(device: Device, tag_id: int, tag_name: str) -> Subscription:
    """The subscription of a device to a tag."""
    return Subscription(write_subscription_id(device.uid, tag_id), device, tag_name)


def write_subscription_id(uid: int, tag_id: int) -> str:
    """The id of a subscription. It says where it stands: it can be found by it."""
    return f"{uid:016x}{tag_id:016x}"


def read_subscription_id(text: str) -> Place | None:
    """The uid and the tag number in an id; None if it is none of ours."""
    if not SUBSCRIPTION_ID.fullmatch(text):
        return None
    return int(text[:16], 16), int(text[16:], 16)
