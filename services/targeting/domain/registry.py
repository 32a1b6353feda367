"""What targeting asks of registry: narrow protocols, kept by api/rooms.py."""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias, TypeVar
from uuid import UUID

from services.targeting.domain.platforms import Platform
from services.targeting.domain.slices import Cut, Slice
from services.targeting.domain.subscriptions import Device
from services.targeting.domain.targets import Audience

MAX_CHUNK = 500


class Chunk(Protocol):
    """At most MAX_CHUNK recipients in the order of uids; what else they are is not ours to know."""

    def __len__(self) -> int: ...

    @property
    def uids(self) -> Sequence[int]: ...

    def keep(self, uids: Collection[int]) -> Self:
        """Those of them whose uid is in `uids`."""
        ...

    def on(self, platforms: Collection[Platform]) -> Self:
        """Those of them on one of the platforms."""
        ...


C_co = TypeVar("C_co", bound=Chunk, covariant=True)


class Identities(Protocol):
    """Who devices are. Devices that never were are left out."""

    async def by_uids(self, app_id: UUID, uids: Sequence[int]) -> list[Device]: ...

    async def by_device_ids(self, app_id: UUID, device_ids: Sequence[str]) -> list[Device]: ...

    async def of_user(self, app_id: UUID, user_id: str) -> list[Device]: ...


class Recipients(Protocol[C_co]):
    """Who can be reached now, in bulk."""

    def cut(
        self, app_id: UUID, audience: Audience, platforms: Sequence[Platform], resume_token: str
    ) -> AsyncGenerator[Cut, None]:
        """Slices of an audience on these platforms; on all of them if there are none.

        An application that registry does not know has nobody.
        """
        ...

    def within(
        self, app_id: UUID, audience: Audience, piece: Slice, limit: int, *, backward: bool = False
    ) -> AsyncGenerator[C_co, None]:
        """The audience within a slice, the lowest uids first or backward, at most `limit`."""
        ...

    def among(self, app_id: UUID, uids: Sequence[int]) -> AsyncGenerator[C_co, None]:
        """Those of the uids, ascending, that can be reached."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceDeleted:
    app_id: UUID
    uid: int


@dataclass(frozen=True, slots=True)
class ApplicationDeleted:
    app_id: UUID


Change: TypeAlias = DeviceDeleted | ApplicationDeleted


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since a position, and the position after it."""

    changes: tuple[Change, ...]
    next_position: str


class ChangeFeed(Protocol):
    """What is gone."""

    async def changes(self, position: str) -> Changes: ...
