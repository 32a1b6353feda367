"""Subscribes devices to tags, and ends it; each tag is judged on its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.faults import DeviceNotFound, SubscriptionNotFound
from services.targeting.domain.registry import Identities
from services.targeting.domain.subscriptions import (
    NO_TAG,
    Device,
    Subscription,
    read_subscription_id,
    subscribe,
)
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.store import listings, opt_outs, subscriptions, tags


class Tagged(NamedTuple):
    """A tag by its number and its name."""

    tag_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of each tag name, in the order asked.

    Attributes:
        changed: Subscribed, or unsubscribed, by this call.
        unchanged: It was so before.
        unknown: No tag.
    """

    device: Device
    changed: list[Tagged]
    unchanged: list[Tagged]
    unknown: list[str]


class Enroller:
    def __init__(
        self, db: AsyncEngine, registry: Identities, clock: Callable[[], datetime]
    ) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock

    async def subscribe(self, app_id: UUID, device_id: str, names: Sequence[str]) -> Enrolment:
        """Subscribe to the tags; `Push.ALL` takes the device back into broadcasts.

        Raises:
            DeviceNotFound: if registry knows no such device, or its address is gone.
        """
        device = await find_device(self._registry, app_id, device_id)
        async with self._db.begin() as tx:
            ids = await tags.ids_of(tx, app_id, names)
            now = self._clock()
            new = await subscriptions.add(tx, app_id, device, list(ids.values()), now)
            changed = {name for name, tag_id in ids.items() if tag_id in new}
            if PUSH_ALL in names and await opt_outs.come_back(tx, app_id, device.uid, now):
                changed.add(PUSH_ALL)
        return _sort(device, names, {PUSH_ALL: NO_TAG, **ids}, changed)

    async def unsubscribe(self, app_id: UUID, device_id: str, names: Sequence[str]) -> Enrolment:
        """End subscriptions to the tags; `Push.ALL` opts the device out of broadcasts.

        Raises:
            DeviceNotFound: if registry knows no such device, or its address is gone.
        """
        device = await find_device(self._registry, app_id, device_id)
        async with self._db.begin() as tx:
            ids = await tags.ids_of(tx, app_id, names)
            now = self._clock()
            ended = await subscriptions.remove(tx, app_id, device, list(ids.values()), now)
            changed = {name for name, tag_id in ids.items() if tag_id in ended}
            if PUSH_ALL in names and await opt_outs.leave(tx, app_id, device.uid, now):
                changed.add(PUSH_ALL)
        return _sort(device, names, {PUSH_ALL: NO_TAG, **ids}, changed)

    async def find(self, app_id: UUID, subscription_id: str) -> Subscription:
        """The subscription of this id.

        Raises:
            SubscriptionNotFound: if there is none, or its device cannot be spoken of any more.
        """
        place = read_subscription_id(subscription_id)
        device = await self._device(app_id, place[0]) if place else None
        if place is None or device is None:
            raise SubscriptionNotFound(subscription_id)
        uid, tag_id = place
        async with self._db.connect() as connection:
            if tag_id == NO_TAG:
                out = await opt_outs.among(connection, app_id, [uid])
                name = None if out else PUSH_ALL
            else:
                name = await listings.name_of(connection, app_id, uid, tag_id)
        if name is None:
            raise SubscriptionNotFound(subscription_id)
        return subscribe(device, tag_id, name)

    async def end(self, app_id: UUID, subscription_id: str) -> None:
        """End the subscription of this id.

        Raises:
            SubscriptionNotFound: if there is none.
        """
        found = await self.find(app_id, subscription_id)
        ended = await self.unsubscribe(app_id, found.device.device_id, [found.tag_name])
        if not ended.changed:
            raise SubscriptionNotFound(subscription_id)

    async def _device(self, app_id: UUID, uid: int) -> Device | None:
        devices = await self._registry.by_uids(app_id, [uid]) if uid else []
        return next((device for device in devices if device.known), None)


async def find_device(registry: Identities, app_id: UUID, device_id: str) -> Device:
    """The device of this id.

    Raises:
        DeviceNotFound: if registry knows no such device, or its address is gone.
    """
    # The id may have had other devices before: their tombstones are no devices.
    for device in await registry.by_device_ids(app_id, [device_id]):
        if device.known:
            return device
    raise DeviceNotFound(device_id)


def _sort(
    device: Device, names: Sequence[str], known: Mapping[str, int], changed: set[str]
) -> Enrolment:
    tagged = [Tagged(known[name], name) for name in names if name in known]
    return Enrolment(
        device,
        changed=[tag for tag in tagged if tag.name in changed],
        unchanged=[tag for tag in tagged if tag.name not in changed],
        unknown=[name for name in names if name not in known],
    )
