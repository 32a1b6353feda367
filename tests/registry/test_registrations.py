"""What becomes of a device when it registers, again, elsewhere, or together with others?"""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.domain.change import ChangeKind
from services.registry.domain.device import Platform, State
from services.registry.domain.faults import ApplicationNotFound, DeviceNotFound
from services.registry.registrar import Registrar
from services.registry.store import applications, devices, findings, identities
from tests.conftest import NOON
from tests.registry.world import Clock, phone, put_app, report, settled, write

MINUTE = timedelta(minutes=1)


async def test_a_new_device_is_active_and_vouched_for_now(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [made] = await write(tx, [phone(app, user_id="ann", variables={"a": "b"})])
        found = await devices.find(tx, app, "phone")

    assert found == made
    assert (made.state, made.address_time, made.create_time) == (State.ACTIVE, NOON, NOON)
    assert (made.user_id, made.variables) == ("ann", {"a": "b"})


async def test_registering_again_keeps_the_uid_and_replaces_the_rest(
    registry_db: AsyncEngine,
) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [first] = await write(tx, [phone(app, user_id="ann", variables={"a": "b"})])
        again = phone(app, address="elsewhere", variables={"c": "d"}, user_agent="Chrome")
        [second] = await write(tx, [again], NOON + MINUTE)
        found = await devices.find(tx, app, "phone")

    assert found == second
    assert (second.uid, second.create_time) == (first.uid, NOON)
    assert (second.address, second.user_id, second.variables) == ("elsewhere", None, {"c": "d"})
    assert (second.address_time, second.user_agent) == (NOON + MINUTE, "Chrome")


async def test_without_variables_and_user_agent_a_known_device_keeps_its_own(
    registry_db: AsyncEngine,
) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app, variables={"a": "b"}, user_agent="Chrome")])
        [again] = await write(tx, [phone(app)])

    assert (again.variables, again.user_agent) == ({"a": "b"}, "Chrome")


async def test_registering_revives_a_dead_device_under_its_uid(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [made] = await write(tx, [phone(app)])
        await findings.settle(tx, [report(app, made)])
        [revived] = await write(tx, [phone(app)], NOON + MINUTE)
        found = await devices.find(tx, app, "phone")

    assert (revived.uid, found.state) == (made.uid, State.ACTIVE)


async def test_another_platform_is_another_device(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [old] = await write(tx, [phone(app, variables={"a": "b"})])
    async with registry_db.begin() as tx:
        [new] = await write(tx, [phone(app, platform=Platform.IOS)], NOON + MINUTE)
    async with registry_db.connect() as tx:
        known = await identities.by_device_ids(tx, app, ["phone"])
    feed = await settled(registry_db, 1)

    assert new.uid > old.uid
    assert new.variables == {}
    assert [(one.uid, one.state) for one in known] == [(old.uid, None), (new.uid, State.ACTIVE)]
    assert [(one.kind, one.uid) for one in feed] == [(ChangeKind.DEVICE_DELETED, old.uid)]


async def test_calls_that_meet_in_a_batch_get_one_answer(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    registrar = Registrar(registry_db, Clock())
    asked = [
        phone(app, "first"),
        phone(app, "twice", variables={"a": "b"}),
        phone(app, "other"),
        phone(app, "twice", address="last"),
    ]
    answers = await asyncio.gather(*(registrar._write([one]) for one in asked[:1]))
    together = await registrar._write(asked)
    await registrar.close()

    assert len(answers) == 1
    assert together[1] == together[3]
    assert not isinstance(together[3], Exception)
    assert (together[3].address, together[3].variables) == ("last", {"a": "b"})


async def test_an_unknown_application_is_refused_to_its_caller_alone(
    registry_db: AsyncEngine,
) -> None:
    app = await put_app(registry_db)
    registrar = Registrar(registry_db, Clock())
    answers = await asyncio.gather(
        *(registrar.register(phone(one)) for one in (app, uuid4(), app)), return_exceptions=True
    )
    await registrar.close()

    assert [type(answer).__name__ for answer in answers] == [
        "Device",
        "ApplicationNotFound",
        "Device",
    ]


async def test_a_deleted_application_takes_no_more_devices(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await applications.delete(tx, app, NOON)
    registrar = Registrar(registry_db, Clock())

    with pytest.raises(ApplicationNotFound):
        await registrar.register(phone(app))
    await registrar.close()


async def test_registrations_from_many_sides_neither_block_nor_lose_each_other(
    registry_db: AsyncEngine,
) -> None:
    """The same devices, in opposite orders and on changing platforms, by three processes."""
    app = await put_app(registry_db)
    registrars = [Registrar(registry_db, Clock()) for _ in range(3)]
    platforms = [Platform.IOS, Platform.ANDROID, Platform.IOS]
    calls = [
        registrar.register(phone(app, f"device {n if turn else 99 - n}", platform=platform))
        for turn, (registrar, platform) in enumerate(zip(registrars, platforms, strict=True))
        for n in range(100)
    ]
    answers = await asyncio.wait_for(asyncio.gather(*calls), timeout=30)
    for registrar in registrars:
        await registrar.close()
    async with registry_db.connect() as tx:
        found = [await devices.find(tx, app, f"device {n}") for n in range(100)]
        known = await identities.by_uids(tx, app, [answer.uid for answer in answers])

    assert {device.uid for device in found} <= {answer.uid for answer in answers}
    assert {one.uid for one in known} == {answer.uid for answer in answers}
    assert sum(one.state is not None for one in known) == 100


async def test_deleting_a_device_that_is_not_there_says_so(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        with pytest.raises(DeviceNotFound):
            await devices.delete(tx, app, "phone", NOON)


async def test_devices_that_change_their_platform_at_two_doors_at_once_end_once(
    registry_db: AsyncEngine,
) -> None:
    app, names = await put_app(registry_db), ("a", "b", "c")
    doors = [Registrar(registry_db, Clock()) for _ in range(2)]
    asked = [
        phone(app, name, platform=platform)
        for _ in range(10)
        for name in names
        for platform in (Platform.ANDROID, Platform.IOS)
    ]
    async with asyncio.timeout(20):
        answers = await asyncio.gather(
            *(doors[number % 2].register(one) for number, one in enumerate(asked)),
            *(doors[number // 3 % 2].register(one) for number, one in enumerate(asked)),
        )
    for door in doors:
        await door.close()
    async with registry_db.connect() as tx:
        known = await identities.by_device_ids(tx, app, names)
    living = [one for one in known if one.state is not None]

    assert sorted(one.device_id for one in living) == list(names)
    assert {answer.uid for answer in answers} == {one.uid for one in known}
    assert len({one.uid for one in known}) == len(known)
