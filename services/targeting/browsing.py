"""Lists subscriptions, by (device, tag name)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.targeting.domain.registry import Identities
from services.targeting.domain.subscriptions import (
    Device,
    Subscription,
    TagFilter,
    Window,
    subscribe,
)
from services.targeting.domain.targets import PUSH_ALL
from services.targeting.enrolling import find_device
from services.targeting.listening import Listeners
from services.targeting.store import listings, tags
from services.targeting.store.listings import Rows

# Up to so many tags a list is merged tag by tag; for more, all subscriptions are walked.
FEW_TAGS = 20


@dataclass(frozen=True, slots=True)
class Question:
    """Which subscriptions are asked for; None is no condition."""

    app_id: UUID
    device_id: str | None
    user_id: str | None
    tags: TagFilter


@dataclass(frozen=True, slots=True)
class Listing:
    """One page.

    Attributes:
        after: The position behind the page; None at the end.
        total: How many match in all, counted up to a limit.
    """

    subscriptions: list[Subscription]
    after: tuple[int, str] | None
    total: int


class Browser:
    def __init__(self, db: AsyncEngine, registry: Identities, listeners: Listeners) -> None:
        self._db = db
        self._registry = registry
        self._listeners = listeners

    async def list_page(self, question: Question, window: Window) -> Listing:
        """The page in `window`.

        What is left of devices that registry does not list any more is counted, but left out.

        Raises:
            DeviceNotFound: if a device is asked for that registry does not know.
        """
        devices = await self._asked(question)
        # One more than wanted, to know whether there is more.
        wider = Window(window.after, window.skip, window.limit + 1)
        if devices is not None:
            rows, total = await self._of_devices(question, devices, wider)
        else:
            rows, total = await self._of_all(question, wider)
        page = rows[: window.limit]
        if devices is None:
            devices = await self._identify(question.app_id, page)
        return Listing(
            _subscriptions(question.app_id, page, devices),
            after=page[-1] if len(rows) > len(page) else None,
            total=total,
        )

    async def _asked(self, question: Question) -> list[Device] | None:
        """The devices that the question is about; None if it names none."""
        app_id = question.app_id
        if question.device_id is not None:
            device = await find_device(self._registry, app_id, question.device_id)
            return [device] if question.user_id in {None, device.user_id} else []
        if question.user_id is not None:
            devices = await self._registry.of_user(app_id, question.user_id)
            return [device for device in devices if device.known]
        return None

    async def _of_devices(
        self, question: Question, devices: Sequence[Device], window: Window
    ) -> tuple[Rows, int]:
        uids = sorted(device.uid for device in devices)
        async with self._db.connect() as connection:
            return await listings.of_devices(
                connection, question.app_id, uids, question.tags, window
            )

    async def _of_all(self, question: Question, window: Window) -> tuple[Rows, int]:
        app_id, wanted = question.app_id, question.tags
        if wanted.name is not None and (wanted.contains or "") not in wanted.name:
            return [], 0
        if wanted.name == PUSH_ALL:
            return await self._listeners.list_page(app_id, window)
        async with self._db.connect() as connection:
            tag_ids = await _choose_tags(connection, app_id, wanted)
            if tag_ids is None:
                return await listings.of_application(connection, app_id, wanted, window)
            return await listings.of_tags(connection, app_id, tag_ids, window)

    async def _identify(self, app_id: UUID, page: Rows) -> list[Device]:
        uids = sorted({uid for uid, _ in page})
        return await self._registry.by_uids(app_id, uids) if uids else []


async def _choose_tags(tx: AsyncConnection, app_id: UUID, wanted: TagFilter) -> list[int] | None:
    """The tags meant, if they are few; None if they are many, or all."""
    if wanted.name is not None:
        return list((await tags.ids_of(tx, app_id, [wanted.name])).values())
    if not wanted.contains:
        return None
    tag_ids = await tags.ids_containing(tx, app_id, wanted.contains, FEW_TAGS + 1)
    return tag_ids if len(tag_ids) <= FEW_TAGS else None


def _subscriptions(app_id: UUID, page: Rows, devices: Iterable[Device]) -> list[Subscription]:
    known = {device.uid: device for device in devices if device.known}
    return [subscribe(app_id, known[uid], name) for uid, name in page if uid in known]
