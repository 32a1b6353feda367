"""Does everybody who asks at once for a device get the one that was asked for?"""

import asyncio
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.domain.faults import ApplicationNotFound, DeviceNotFound
from services.registry.finder import Finder
from services.registry.store import devices
from tests.registry.world import phone, put_app, write


async def test_each_its_own_whatever_the_others_asked(registry_db: AsyncEngine) -> None:
    app, other = await put_app(registry_db), await put_app(registry_db)
    names = [f"device {n}" for n in range(200)]
    async with registry_db.begin() as tx:
        made = await write(tx, [phone(app, name, variables={"a": name}) for name in names])
        await write(tx, [phone(other, "device 7", user_id="ann")])
    finder = Finder(registry_db)
    found = await asyncio.gather(*(finder.find(app, name) for name in names))
    neighbour = await finder.find(other, "device 7")
    await finder.close()

    assert found == made
    assert neighbour.user_id == "ann"


async def test_the_same_as_asking_for_it_alone(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, user_id="ann", variables={"a": "b"}, user_agent="Firefox")])
        alone = await devices.find(tx, app, "phone")

    assert await Finder(registry_db).find(app, "phone") == alone


async def test_who_asks_in_vain_is_refused_alone(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [made] = await write(tx, [phone(app)])
    finder = Finder(registry_db)
    nowhere = uuid4()
    answers = await asyncio.gather(
        finder.find(app, "phone"),
        finder.find(app, "tablet"),
        finder.find(nowhere, "phone"),
        return_exceptions=True,
    )

    assert answers[0] == made
    assert isinstance(answers[1], DeviceNotFound)
    assert isinstance(answers[2], ApplicationNotFound)
