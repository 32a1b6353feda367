"""Is what happens to devices told where an application is watched, and written nowhere else?"""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.domain.change import START, DeviceEvent, DeviceEventKind
from services.registry.domain.device import DeviceUpdate, Platform
from services.registry.registrar import Registrar
from services.registry.store import device_events, devices
from tests.conftest import NOON
from tests.registry.world import phone, put_app, write

SOON = NOON + timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> object:
        self.now += timedelta(seconds=1)
        return self.now


async def watch(db: AsyncEngine, *app_ids: UUID, until: timedelta = timedelta(days=1)) -> None:
    async with db.begin() as tx:
        await device_events.watch(tx, app_ids, NOON + until)


async def told(db: AsyncEngine, count: int) -> list[DeviceEvent]:
    """The feed as soon as it holds so many: another test's transaction may hold it back."""
    async with asyncio.timeout(20):
        while True:
            async with db.connect() as tx:
                found = await device_events.read_after(tx, START, 100)
            if len(found) >= count:
                return found


async def test_a_device_is_told_from_its_registration_to_its_end(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    await watch(registry_db, app)
    clock = Clock()
    registrar = Registrar(registry_db, clock)  # type: ignore[arg-type]  # a clock

    first = await registrar.register(phone(app, user_id="anna"))
    await registrar.register(phone(app, user_id="anna", address="second"))
    async with registry_db.begin() as tx:
        await devices.update(tx, DeviceUpdate(app, "phone", user_id="bert"), SOON)
        await devices.delete(tx, app, "phone", SOON)
    events = await told(registry_db, 4)

    assert {(event.app_id, event.uid, event.device_id) for event in events} == {
        (app, first.uid, "phone")
    }
    assert [(event.kind, event.user_id, event.address) for event in events] == [
        (DeviceEventKind.REGISTERED, "anna", first.address),
        (DeviceEventKind.UPDATED, "anna", "second"),
        (DeviceEventKind.UPDATED, "bert", "second"),
        (DeviceEventKind.UNREGISTERED, "bert", "second"),
    ]


async def test_a_device_that_changes_its_platform_ends_and_begins(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    await watch(registry_db, app)
    registrar = Registrar(registry_db, Clock())  # type: ignore[arg-type]  # a clock

    old = await registrar.register(phone(app))
    new = await registrar.register(phone(app, platform=Platform.WEB_CHROME))
    events = await told(registry_db, 3)

    assert [(event.kind, event.uid) for event in events] == [
        (DeviceEventKind.REGISTERED, old.uid),
        (DeviceEventKind.UNREGISTERED, old.uid),
        (DeviceEventKind.REGISTERED, new.uid),
    ]


async def test_nothing_is_written_where_nobody_watches(registry_db: AsyncEngine) -> None:
    unwatched, lapsed, watched = [await put_app(registry_db) for _ in range(3)]
    await watch(registry_db, lapsed, until=timedelta())
    await watch(registry_db, watched)
    registrar = Registrar(registry_db, Clock())  # type: ignore[arg-type]  # a clock

    for app in (unwatched, lapsed, watched):
        await registrar.register(phone(app))
        async with registry_db.begin() as tx:
            await devices.update(tx, DeviceUpdate(app, "phone", user_id="x"), SOON)
            await devices.delete(tx, app, "phone", SOON)
    events = await told(registry_db, 3)

    assert {event.app_id for event in events} == {watched}


async def test_an_event_that_commits_late_is_not_skipped(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, "late"), phone(app, "early")])
    await watch(registry_db, app)
    async with registry_db.connect() as reader, registry_db.begin() as slow:
        await devices.delete(slow, app, "late", NOON)
        async with registry_db.begin() as quick:
            await devices.delete(quick, app, "early", NOON)
        while_open = await device_events.read_after(reader, START, 10)
        await slow.commit()
    events = await told(registry_db, 2)

    assert while_open == []
    assert [event.device_id for event in events] == ["late", "early"]


async def test_events_are_removed_in_time(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    await watch(registry_db, app)
    await Registrar(registry_db, Clock()).register(phone(app))  # type: ignore[arg-type]  # a clock
    await told(registry_db, 1)

    async with registry_db.begin() as tx:
        assert await device_events.remove(tx, NOON, 10) == 0
        assert await device_events.remove(tx, SOON, 10) == 1
