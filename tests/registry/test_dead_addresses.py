"""When does a gateway's word that an address is dead make a device unreachable?"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.domain.device import DeadAddress, Device, State, digest_address
from services.registry.store import devices
from tests.conftest import NOON
from tests.registry.world import phone, put_app, write

MINUTE = timedelta(minutes=1)


def report(app: UUID, device: Device, when: datetime, address: str = "") -> DeadAddress:
    return DeadAddress(app, device.uid, digest_address(address or device.address), when)


async def test_when_it_still_has_the_address(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        buried = await devices.bury(tx, [report(app, device, NOON + MINUTE)])
        found = await devices.find(tx, app, "phone")

    assert (buried, found.state) == (1, State.DEAD)


async def test_not_when_it_has_left_the_address(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        await write(tx, [phone(app, address="second")], NOON + MINUTE)

        assert await devices.bury(tx, [report(app, device, NOON + 2 * MINUTE)]) == 0


async def test_not_when_it_was_vouched_for_since(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app)])
        [device] = await write(tx, [phone(app)], NOON + MINUTE)

        assert await devices.bury(tx, [report(app, device, NOON)]) == 0


async def test_only_once(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        first = await devices.bury(tx, [report(app, device, NOON), report(app, device, NOON)])
        second = await devices.bury(tx, [report(app, device, NOON)])

    assert (first, second) == (1, 0)


async def test_not_under_another_application(registry_db: AsyncEngine) -> None:
    app, other = await put_app(registry_db), await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])

        assert await devices.bury(tx, [report(other, device, NOON + MINUTE)]) == 0


async def test_each_of_many_by_its_own_report(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        made = await write(tx, [phone(app, f"device {n}") for n in range(10)])
        reports = [
            report(app, device, NOON, address="another" if n % 2 else "")
            for n, device in enumerate(made)
        ]

        assert await devices.bury(tx, reports) == 5
