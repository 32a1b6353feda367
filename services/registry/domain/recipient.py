"""Who is reachable now, in stretches of the uid axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.registry.domain.device import Environment, Platform


@dataclass(frozen=True, slots=True)
class Recipients:
    """Devices as a sender needs them: the n-th entry of each column belongs to the n-th uid.

    Columns, because there are millions of them. The last three are empty where nobody has any.

    Attributes:
        platforms: A single one if it is the same for all.
        variables: Names to texts.
    """

    uids: Sequence[int] = ()
    platforms: Sequence[Platform] = ()
    addresses: Sequence[str] = field(default=(), repr=False)
    variables: Sequence[Mapping[str, str]] = field(default=(), repr=False)
    environments: Sequence[Environment | None] = ()
    newer_twin_uids: Sequence[int | None] = ()

    def __len__(self) -> int:
        return len(self.uids)

    def part(self, start: int, stop: int) -> "Recipients":
        """Those in the rows from `start` until before `stop`."""
        rows = slice(start, stop)
        return Recipients(
            self.uids[rows],
            self.platforms if len(self.platforms) == 1 else self.platforms[rows],
            self.addresses[rows],
            self.variables[rows],
            self.environments[rows],
            self.newer_twin_uids[rows],
        )


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
