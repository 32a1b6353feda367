"""Who is reachable now, in stretches of the uid axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.registry.domain.device import Environment, Platform


class Recipient(NamedTuple):
    """A device as a sender needs it. A tuple, because there are millions of them."""

    uid: int
    platform: Platform
    address: str
    variables: Mapping[str, str]
    environment: Environment | None = None
    newer_twin_uid: int | None = None


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every device of the application."""


@dataclass(frozen=True, slots=True)
class DeviceIds:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserIds:
    names: tuple[str, ...]


Filter = Everyone | DeviceIds | UserIds


@dataclass(frozen=True, slots=True)
class Stretch:
    """after_uid < uid <= through_uid (None: to the end), of one platform or of all."""

    platform: Platform | None
    after_uid: int
    through_uid: int | None = None
    # Read from the end that `through_uid` names.
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch that was cut, and how many it held then."""

    platform: Platform
    after_uid: int
    through_uid: int
    count: int


@dataclass(frozen=True, slots=True)
class Audience:
    """What is cut: a filter within an application, on some platforms, in the order given."""

    app_id: UUID
    filter: Filter
    platforms: tuple[Platform, ...]


class Place(NamedTuple):
    """Up to where an audience has been cut."""

    platform: Platform
    uid: int
