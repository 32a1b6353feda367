"""What does a gateway's word about an address make of a device?"""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.registry.domain.device import Environment, State
from services.registry.store import devices, findings, recipients
from services.registry.store.findings import Settled
from tests.conftest import NOON
from tests.registry.world import phone, put_app, report, write

MINUTE = timedelta(minutes=1)
NOBODY = Settled(0, 0)
FALLS = [(State.DEAD, Settled(1, 0)), (State.QUARANTINED, Settled(0, 1))]


async def environment(tx: AsyncConnection, app: UUID, uid: int) -> Environment | None:
    [found] = await recipients.behind(tx, app, [[uid]])
    return found.environments[0] if found.environments else None


both = pytest.mark.parametrize(("finding", "settled"), FALLS)


@both
async def test_it_falls_while_it_has_the_address(
    registry_db: AsyncEngine, finding: State, settled: Settled
) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        done = await findings.settle(tx, [report(app, device, finding, when=NOON + MINUTE)])
        found = await devices.find(tx, app, "phone")

    assert (done, found.state) == (settled, finding)


@both
async def test_not_when_it_has_left_the_address(
    registry_db: AsyncEngine, finding: State, settled: Settled
) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        await write(tx, [phone(app, address="second")], NOON + MINUTE)
        late = report(app, device, finding, when=NOON + 2 * MINUTE)

        assert await findings.settle(tx, [late]) == NOBODY != settled


@both
async def test_not_when_it_was_vouched_for_since(
    registry_db: AsyncEngine, finding: State, settled: Settled
) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        await write(tx, [phone(app)])
        [device] = await write(tx, [phone(app)], NOON + MINUTE)

        assert await findings.settle(tx, [report(app, device, finding)]) == NOBODY != settled


async def test_only_once(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        first = await findings.settle(tx, [report(app, device), report(app, device)])
        second = await findings.settle(tx, [report(app, device)])

    assert (first, second) == (Settled(1, 0), NOBODY)


async def test_the_worst_of_several_words_counts(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        words = [report(app, device, each) for each in (State.DEAD, State.QUARANTINED)]

        assert await findings.settle(tx, words) == Settled(1, 0)


async def test_not_under_another_application(registry_db: AsyncEngine) -> None:
    app, other = await put_app(registry_db), await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])

        assert await findings.settle(tx, [report(other, device)]) == NOBODY


async def test_each_of_many_by_its_own_report(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        made = await write(tx, [phone(app, f"device {n}") for n in range(10)])
        reports = [
            report(app, device, address="another" if n % 2 else "") for n, device in enumerate(made)
        ]

        assert await findings.settle(tx, reports) == Settled(5, 0)


async def test_an_operator_restores_whom_they_name_and_never_the_dead(
    registry_db: AsyncEngine,
) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        made = await write(tx, [phone(app, f"device {n}") for n in range(4)])
        reports = [report(app, device, State.QUARANTINED) for device in made[:3]]
        await findings.settle(tx, [*reports, report(app, made[3])])
        named = await findings.restore(tx, app, ["device 1", "device 3", "unknown"])
        left = await findings.count_quarantined(tx, app)
        rest = await findings.restore(tx, app, [])
        dead = await devices.find(tx, app, "device 3")

    assert named == [made[1].uid]
    assert left == 2
    assert sorted(rest) == [made[0].uid, made[2].uid]
    assert dead.state is State.DEAD


async def test_where_an_address_is_at_home_is_true_of_that_address_alone(
    registry_db: AsyncEngine,
) -> None:
    app = await put_app(registry_db)
    async with registry_db.begin() as tx:
        [device] = await write(tx, [phone(app)])
        await findings.settle(tx, [report(app, device, Environment.SANDBOX)])
        await write(tx, [phone(app)])
        kept = await environment(tx, app, device.uid)
        await write(tx, [phone(app, address="second")])
        forgotten = await environment(tx, app, device.uid)

    assert (kept, forgotten) == (Environment.SANDBOX, None)
