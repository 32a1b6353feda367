"""Subscribes devices to tags, and ends it; each tag is judged on its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.targeting.domain.faults import DeviceNotFound
from services.targeting.domain.registry import Identities
from services.targeting.domain.subscriptions import Device
from services.targeting.domain.targets import PUSH_ALL
from services.targeting.store import opt_outs, subscriptions, tags


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of each tag name, in the order asked.

    Attributes:
        changed: Subscribed, or unsubscribed, by this call.
        unchanged: It was so before.
        unknown: No tag.
    """

    device: Device
    changed: list[str]
    unchanged: list[str]
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
            new = await subscriptions.add(tx, app_id, device, list(ids.values()), self._clock())
            changed = {name for name, tag_id in ids.items() if tag_id in new}
            if PUSH_ALL in names and await opt_outs.come_back(tx, app_id, device.uid):
                changed.add(PUSH_ALL)
        return _sort(device, names, {PUSH_ALL, *ids}, changed)

    async def unsubscribe(self, app_id: UUID, device_id: str, names: Sequence[str]) -> Enrolment:
        """End subscriptions to the tags; `Push.ALL` opts the device out of broadcasts.

        Raises:
            DeviceNotFound: if registry knows no such device, or its address is gone.
        """
        device = await find_device(self._registry, app_id, device_id)
        async with self._db.begin() as tx:
            ids = await tags.ids_of(tx, app_id, names)
            ended = await subscriptions.remove(tx, app_id, device, list(ids.values()))
            changed = {name for name, tag_id in ids.items() if tag_id in ended}
            if PUSH_ALL in names and await self._opt_out(tx, app_id, device):
                changed.add(PUSH_ALL)
        return _sort(device, names, {PUSH_ALL, *ids}, changed)

    async def _opt_out(self, tx: AsyncConnection, app_id: UUID, device: Device) -> bool:
        return await opt_outs.leave(tx, app_id, device.uid, self._clock())


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


def _sort(device: Device, names: Sequence[str], known: set[str], changed: set[str]) -> Enrolment:
    return Enrolment(
        device,
        changed=[name for name in names if name in changed],
        unchanged=[name for name in names if name in known - changed],
        unknown=[name for name in names if name not in known],
    )
