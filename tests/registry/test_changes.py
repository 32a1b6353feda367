"""Does the feed tell everything that is gone, in an order that a reader can rely on?"""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.domain.change import START, ChangeKind
from services.registry.store import applications, changes, devices
from tests.conftest import NOON
from tests.registry.world import phone, put_app, settled, write


async def test_a_change_that_commits_late_is_not_skipped(registry_db: AsyncEngine) -> None:
    """A reader that went by the last number alone would lose the late one."""
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        late, early = await write(tx, [phone(app, "late"), phone(app, "early")])
    async with registry_db.connect() as reader, registry_db.begin() as slow:
        await devices.delete(slow, app, "late", NOON)
        async with registry_db.begin() as quick:
            await devices.delete(quick, app, "early", NOON)
        while_open = await changes.read_after(reader, START, 10)
        await slow.commit()
    feed = await settled(registry_db, 2)

    assert while_open == []
    assert [change.uid for change in feed] == [late.uid, early.uid]


async def test_reading_on_from_each_position_yields_the_rest(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, f"device {n}") for n in range(6)])
    for ids in (["device 0"], ["device 1", "device 2", "device 3"], ["device 4", "device 5"]):
        async with registry_db.begin() as tx:
            await devices.end(tx, [(app, device_id) for device_id in ids], NOON)
    every = await settled(registry_db, 6)
    async with registry_db.connect() as tx:
        rests = [await changes.read_after(tx, change.position, 100) for change in every]
        two = await changes.read_after(tx, START, 2)

    assert len(every) == 6
    assert rests == [every[n + 1 :] for n in range(6)]
    assert two == every[:2]


async def test_an_application_ends_with_one_change(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app)])
        await applications.delete(tx, app, NOON)
    [change] = await settled(registry_db, 1)

    assert (change.kind, change.app_id, change.uid) == (ChangeKind.APPLICATION_DELETED, app, None)
