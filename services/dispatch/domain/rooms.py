"""What dispatch asks of the rooms to its right, as narrow as it needs it.

Whatever implements these raises RoomUnavailable when the other room does not answer in time.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from services.dispatch.domain.credentials import Credential, GatewayKind
from services.dispatch.domain.messages import Platform, Target
from services.dispatch.domain.outcomes import AddressReport
from services.dispatch.domain.parcels import Recipient, Slice
from services.dispatch.domain.webhooks import Event, EventKind


class TargetRefused(Exception):
    """Targeting cannot make sense of a target: to ask again is of no use."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Some slices of a target, and where to go on after them."""

    slices: tuple[Slice, ...]
    resume_token: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some recipients; `continue_after` says where the rest of an outgrown slice begins."""

    recipients: tuple[Recipient, ...]
    continue_after: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a uid is. A deleted device keeps only its ids."""

    uid: int
    device_id: str
    user_id: str
    platform: Platform
    deleted: bool


@dataclass(frozen=True, slots=True)
class Endings:
    """Applications that have ended, and where registry's feed goes on after them."""

    app_ids: tuple[UUID, ...]
    next_position: str


@dataclass(frozen=True, slots=True)
class Happenings:
    """What a room tells of watched applications, and where its feed goes on after them."""

    events: tuple[Event, ...]
    next_position: str


class EventFeed(Protocol):
    """A room that tells what happens in applications, as long as they are watched."""

    name: str
    kinds: EventKind

    async def read(self, position: str) -> Happenings: ...

    async def watch(self, app_ids: Sequence[UUID], duration: timedelta) -> None: ...


class Slicer(Protocol):
    """Targeting, as the planner needs it."""

    def slice_target(
        self, app_id: UUID, target: Target, resume_token: str
    ) -> AsyncIterator[Cut]: ...


class Audience(Protocol):
    """Targeting, as the sender needs it: whom a target means now."""

    def resolve_slice(self, app_id: UUID, target: Target, part: Slice) -> AsyncIterator[Chunk]: ...

    def resolve_uids(
        self, app_id: UUID, target: Target, uids: Sequence[int]
    ) -> AsyncIterator[Chunk]: ...


class CredentialSource(Protocol):
    """Registry, as the sender needs it."""

    async def credential(self, app_id: UUID, kind: GatewayKind) -> Credential | None: ...


class DeviceBook(Protocol):
    """Registry, as the reporter needs it."""

    async def report(self, reports: Sequence[AddressReport]) -> None: ...


class EndingsFeed(Protocol):
    """Registry, as whoever follows the ends of applications needs it."""

    async def endings(self, position: str) -> Endings: ...


class Identities(Protocol):
    """Registry, as whoever has only uids needs it."""

    async def identify_uids(self, app_id: UUID, uids: Sequence[int]) -> list[Identity]: ...


class Directory(Protocol):
    """Registry and targeting, as the api needs them."""

    async def identify_uids(self, app_id: UUID, uids: Sequence[int]) -> list[Identity]: ...

    async def identify_devices(self, app_id: UUID, device_ids: Sequence[str]) -> list[Identity]:
        """The devices of up to 1000 ids and those that had such an id before, by uid."""
        ...

    async def identify_user(self, app_id: UUID, user_id: str) -> list[Identity]: ...

    async def unknown_names(self, app_id: UUID, target: Target) -> list[str]: ...

    async def configured_platforms(self, app_id: UUID) -> set[Platform]:
        """Whose gateways the application can use now."""
        ...

    async def is_meant(self, app_id: UUID, target: Target, uids: Sequence[int]) -> set[int]: ...
