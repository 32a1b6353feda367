"""Registry's book in memory: obeys the protocols that targeting's engines ask it by."""

from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.registry import Change, Changes
from services.targeting.domain.slices import Cut, Slice
from services.targeting.domain.subscriptions import Device
from services.targeting.domain.targets import Audience, Everyone, OfUsers

CHUNK = 500
SLICES_PER_CUT = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A device as it stands in the book."""

    uid: int
    device_id: str
    platform: Platform = Platform.ANDROID
    user_id: str = ""
    active: bool = True
    # Neither deleted nor given up.
    known: bool = True
    deleted: bool = False

    @property
    def reachable(self) -> bool:
        return self.active and self.known


@dataclass(frozen=True, slots=True)
class EntryChunk:
    entries: tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def uids(self) -> list[int]:
        return [entry.uid for entry in self.entries]

    def keep(self, uids: Collection[int]) -> Self:
        return replace(self, entries=tuple(e for e in self.entries if e.uid in set(uids)))

    def on(self, platforms: Collection[Platform]) -> Self:
        return replace(self, entries=tuple(e for e in self.entries if e.platform in platforms))


class Book:
    """Devices by application, and the feed of what has gone."""

    def __init__(self, *, slice_size: int = 500) -> None:
        self.devices: dict[UUID, dict[int, Entry]] = {}
        self.feed: list[Change] = []
        self.slice_size = slice_size
        self.asked: list[str] = []

    def write(self, app_id: UUID, *entries: Entry) -> None:
        shelf = self.devices.setdefault(app_id, {})
        shelf.update({entry.uid: entry for entry in entries})

    def delete(self, app_id: UUID, uid: int) -> None:
        gone = replace(self.devices[app_id][uid], known=False, deleted=True, user_id="")
        self.devices[app_id][uid] = gone

    def _shelf(self, app_id: UUID) -> list[Entry]:
        return [entry for _, entry in sorted(self.devices.get(app_id, {}).items())]

    async def by_uids(self, app_id: UUID, uids: Sequence[int]) -> list[Device]:
        shelf = self.devices.get(app_id, {})
        return [identify(shelf[uid]) for uid in uids if uid in shelf]

    async def by_device_ids(self, app_id: UUID, device_ids: Sequence[str]) -> list[Device]:
        return [identify(e) for e in self._shelf(app_id) if e.device_id in device_ids]

    async def of_user(self, app_id: UUID, user_id: str) -> list[Device]:
        self.asked.append(user_id)
        shelf = self._shelf(app_id)
        return [identify(e) for e in shelf if e.user_id == user_id and not e.deleted]

    async def cut(
        self, app_id: UUID, audience: Audience, platforms: Sequence[Platform], resume_token: str
    ) -> AsyncGenerator[Cut, None]:
        done = int(resume_token or 0)
        slices = list(self._slices(app_id, audience, platforms or PLATFORMS))
        while done < len(slices):
            ready = slices[done : done + SLICES_PER_CUT]
            done += len(ready)
            yield Cut(tuple(ready), str(done))

    def _slices(
        self, app_id: UUID, audience: Audience, platforms: Iterable[Platform]
    ) -> Iterable[Slice]:
        for platform in platforms:
            here = [
                e.uid
                for e in self._shelf(app_id)
                if e.reachable and e.platform == platform and belongs(e, audience)
            ]
            after = 0
            for start in range(0, len(here), self.slice_size):
                share = here[start : start + self.slice_size]
                yield Slice(platform, after, share[-1], len(share))
                after = share[-1]

    async def within(
        self, app_id: UUID, audience: Audience, piece: Slice, limit: int, *, backward: bool = False
    ) -> AsyncGenerator[EntryChunk, None]:
        found = [
            e
            for e in self._shelf(app_id)
            if e.reachable
            and piece.after_uid < e.uid <= piece.through_uid
            and piece.platform in {None, e.platform}
            and belongs(e, audience)
        ]
        if backward:
            found.reverse()
        for start in range(0, len(found[:limit]), CHUNK):
            yield EntryChunk(tuple(found[start : min(start + CHUNK, limit)]))

    async def among(self, app_id: UUID, uids: Sequence[int]) -> AsyncGenerator[EntryChunk, None]:
        wanted = set(uids)
        found = [e for e in self._shelf(app_id) if e.reachable and e.uid in wanted]
        for start in range(0, len(found), CHUNK):
            yield EntryChunk(tuple(found[start : start + CHUNK]))

    async def changes(self, position: str) -> Changes:
        start = int(position or 0)
        news = self.feed[start : start + CHUNK]
        return Changes(tuple(news), str(start + len(news)))


def belongs(entry: Entry, audience: Audience) -> bool:
    if isinstance(audience, Everyone):
        return True
    return (entry.user_id if isinstance(audience, OfUsers) else entry.device_id) in audience.names


def identify(entry: Entry) -> Device:
    return Device(entry.uid, entry.device_id, entry.user_id, entry.platform, entry.known)
