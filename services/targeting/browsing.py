"""Answers who is subscribed to what: our rows, made readable by registry's identities.

A list reads a bounded number of rows, however few of them are asked for: a page may hold fewer than
it could, and leads on all the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.registry import Identities
from services.targeting.domain.subscriptions import (
    Device,
    Place,
    Subscription,
    TagFilter,
    TextFilter,
    subscribe,
)
from services.targeting.domain.tags import PUSH_ALL, TextField, TextMatcher
from services.targeting.enrolling import find_device
from services.targeting.listening import Listeners
from services.targeting.store import counts, listings, tags
from services.targeting.store.listings import Row, Stretch

# Up to so many tags a list is merged tag by tag; for more, all subscriptions are walked.
FEW_TAGS = 20
# What a list may read beyond what it shows: registry identifies as many at once.
MAX_READ = 1000
ANY_TAG, ANY_DEVICE = TagFilter(), TextFilter()


@dataclass(frozen=True, slots=True)
class Question:
    """Which subscriptions are asked for; None is no condition."""

    app_id: UUID
    device_id: str | None = None
    user_id: str | None = None
    tags: TagFilter = ANY_TAG
    devices: TextFilter = ANY_DEVICE
    platforms: tuple[Platform, ...] = PLATFORMS

    @property
    def tag_name(self) -> str | None:
        """The tag that is asked for if nothing else is."""
        if self.tags.names is None or len(self.tags.names) != 1:
            return None
        (name,) = self.tags.names
        return name if self == Question(self.app_id, tags=TagFilter(self.tags.names)) else None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page.

    Attributes:
        subscriptions: In the order of the list, whatever the direction.
        ends: The positions between which it was read, in the order of reading; None if nowhere.
        more: Whether there is more in the direction of reading.
        total: How many there are; None where nobody keeps count.
    """

    subscriptions: list[Subscription]
    ends: tuple[Place, Place] | None
    more: bool
    total: int | None


class Browser:
    def __init__(self, db: AsyncEngine, registry: Identities, listeners: Listeners) -> None:
        self._db = db
        self._registry = registry
        self._listeners = listeners

    async def list_page(self, question: Question, window: Stretch) -> Listing:
        """The page in `window`, without what is left of devices that registry does not list.

        Raises:
            DeviceNotFound: if a device is asked for that registry does not know.
        """
        devices = await self._asked(question)
        if devices is not None:
            rows = await self._of_devices(question, devices, window)
            return _listing(rows, devices, window)
        if question.tags.names == frozenset({PUSH_ALL}):
            rows = []
            if question.tags.admits_broadcast():
                rows = await self._listeners.list_rows(question.app_id, window)
            devices = await self._identify(question, rows)
            return _listing(rows, devices, window)
        return await self._of_all(question, window)

    async def _asked(self, question: Question) -> list[Device] | None:
        """The devices that the question is about; None if it names none."""
        app_id, names = question.app_id, question.devices.names
        if question.device_id is not None:
            found = [await find_device(self._registry, app_id, question.device_id)]
        elif names is not None:
            found = await self._registry.by_device_ids(app_id, sorted(names)) if names else []
        elif question.user_id is not None:
            found = await self._registry.of_user(app_id, question.user_id)
        else:
            return None
        return [
            device
            for device in found
            if device.known
            and device.platform in question.platforms
            and question.devices.admits(device.device_id)
            and question.user_id in {None, device.user_id}
        ]

    async def _of_devices(
        self, question: Question, devices: Sequence[Device], window: Stretch
    ) -> list[Row]:
        uids = sorted(device.uid for device in devices)
        async with self._db.connect() as connection:
            return await listings.of_devices(
                connection, question.app_id, uids, question.tags, window
            )

    async def _of_all(self, question: Question, window: Stretch) -> Listing:
        async with self._db.connect() as connection:
            tag_ids = await _choose_tags(connection, question)
            limit = window.skip + window.limit
            # Where rows may turn out not to be asked for, more of them are read.
            if question.devices.parts or (tag_ids is None and question.tags != ANY_TAG):
                limit = max(limit, MAX_READ)
            rows = await _read(connection, question, tag_ids, window, limit)
            total = await _count(connection, question, tag_ids)
        found = [row for row in rows if row.name is not None]
        if question.devices.parts:
            admitted = {device.uid for device in await self._identify(question, found)}
            found = [row for row in found if row.uid in admitted]
        end = window.skip + window.size
        shown = found[window.skip : end]
        devices = await self._identify(question, shown)
        return Listing(
            _subscriptions(shown, devices, window),
            _ends(rows, shown, window, cut_off=len(found) > end),
            more=len(found) > end or len(rows) == limit,
            total=total,
        )

    async def _identify(self, question: Question, rows: Iterable[Row]) -> list[Device]:
        uids = sorted({row.uid for row in rows})
        if not uids:
            return []
        found = await self._registry.by_uids(question.app_id, uids)
        return [
            each
            for each in found
            if each.platform in question.platforms and question.devices.admits(each.device_id)
        ]


async def _choose_tags(tx: AsyncConnection, question: Question) -> list[int] | None:
    """The tags meant, if they are few; None if they are many, or all."""
    wanted = question.tags
    if wanted == ANY_TAG:
        return None
    matchers = [TextMatcher(TextField.NAME, parts, contains=True) for parts in wanted.parts]
    if wanted.names is not None:
        exact = tuple(sorted(wanted.names))
        matchers.append(TextMatcher(TextField.NAME, exact, contains=False))
    tag_ids = await tags.ids_matching(tx, question.app_id, matchers, FEW_TAGS + 1)
    return tag_ids if len(tag_ids) <= FEW_TAGS else None


async def _read(
    tx: AsyncConnection,
    question: Question,
    tag_ids: list[int] | None,
    window: Stretch,
    limit: int,
) -> list[Row]:
    app_id, platforms = question.app_id, question.platforms
    if tag_ids is None:
        return await listings.walk(tx, app_id, question.tags, platforms, window, limit)
    return await listings.of_tags(tx, app_id, tag_ids, platforms, window, limit)


async def _count(tx: AsyncConnection, question: Question, tag_ids: list[int] | None) -> int | None:
    if question == Question(question.app_id):
        return await counts.subscriptions_of(tx, question.app_id)
    if question.tag_name is not None and tag_ids is not None:
        return sum((await counts.subscriptions_to(tx, question.app_id, tag_ids)).values())
    return None


def _ends(
    rows: Sequence[Row], shown: Sequence[Row], window: Stretch, *, cut_off: bool
) -> tuple[Place, Place] | None:
    """Between what a page was read: more than it shows, unless that was cut off."""
    if not rows:
        return None
    first = shown[0] if window.skip and shown else rows[0]
    return _place(first), _place(shown[-1] if cut_off else rows[-1])


def _listing(rows: list[Row], devices: Iterable[Device], window: Stretch) -> Listing:
    shown = rows[: window.size]
    ends = _ends(shown, shown, window, cut_off=True)
    more = len(rows) > window.size
    return Listing(_subscriptions(shown, devices, window), ends, more, total=None)


def _subscriptions(
    shown: Sequence[Row], devices: Iterable[Device], window: Stretch
) -> list[Subscription]:
    known = {device.uid: device for device in devices if device.known}
    found = [
        subscribe(known[uid], tag_id, name)
        for uid, tag_id, name in shown
        if uid in known and name is not None
    ]
    return found[::-1] if window.backward else found


def _place(row: Row) -> Place:
    return row.uid, row.tag_id
