"""Which devices want which tags."""

from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from services.targeting.domain.platforms import Platform
from services.targeting.domain.targets import PUSH_ALL


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
class TagFilter:
    """Which tags a list is about; None is no condition."""

    name: str | None = None
    contains: str | None = None

    def admits_broadcast(self) -> bool:
        """Whether `Push.ALL` is among them."""
        return self.name in {None, PUSH_ALL} and (self.contains or "") in PUSH_ALL


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that is asked for: after a position, passing over some, so many."""

    after: tuple[int, str]
    skip: int
    limit: int


def subscribe(app_id: UUID, device: Device, tag_name: str) -> Subscription:
    """The subscription of a device to a tag; its id is the same whenever it is made."""
    digest = blake2b(f"{app_id}\0{device.uid}\0{tag_name}".encode(), digest_size=16)
    return Subscription(digest.hexdigest(), device, tag_name)
