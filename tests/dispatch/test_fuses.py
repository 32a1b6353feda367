"""What becomes of the reports that a blown fuse holds, and of those that come after?"""

from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.dispatch.v1 import circuit_service_pb2 as pb
from carillon.type.v1.platform_pb2 import Platform as WirePlatform
from services.dispatch.api.circuit_service import CircuitServicer
from services.dispatch.domain.circuits import Cause, Key, Opening
from services.dispatch.domain.faults import FuseNotBlown
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import AddressReport, Finding
from services.dispatch.store import circuits, fuses, outbox
from services.kit.faults import FieldInvalid
from tests.conftest import NOON
from tests.dispatch.makers import APP, OTHER_APP

NOBODY = cast("Any", None)
IOS = Key(APP, Platform.IOS)
SANDBOX = Key(APP, Platform.IOS, "sandbox")
NOW = timedelta()


def report(uid: int, finding: Finding = Finding.DEAD, **changed: Any) -> AddressReport:
    said: dict[str, Any] = {"app_id": APP, "platform": Platform.IOS} | changed
    return AddressReport(
        uid=uid, address_digest=b"x" * 32, found_time=NOON, finding=finding, **said
    )


async def due(tx: AsyncConnection) -> list[int]:
    return sorted(each.uid for _, each in await outbox.take(tx, 100))


async def test_it_holds_what_condemns_of_its_own_platform_and_nothing_else(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        await outbox.add(tx, [report(1), report(2, platform=Platform.ANDROID)], NOW)
        await fuses.blow(tx, IOS, 0.5)
        await outbox.add(
            tx,
            [
                report(3, Finding.SUSPECT),
                report(4, Finding.SANDBOX),
                report(5, app_id=OTHER_APP),
            ],
            NOW,
        )
        free = await due(tx)
        held = await fuses.count_held(tx, IOS)

    assert (free, held) == ([2, 4, 5], 2)


async def test_confirmed_they_go_on_and_so_do_those_of_the_next_day(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        await fuses.blow(tx, IOS, 0.5)
        await outbox.add(tx, [report(1)], NOW)
        count = await fuses.confirm(tx, IOS)
        again = await fuses.blow(tx, IOS, 0.9)
        await outbox.add(tx, [report(2)], NOW)
        free = await due(tx)
        twice = await fuses.confirm(tx, IOS)
    async with dispatch_db.begin() as tx:
        await fuses.forget_confirmed(tx, timedelta())
        fresh = await fuses.blow(tx, IOS, 0.9)

    assert (count, again, free, twice) == (1, False, [1, 2], None)
    assert fresh


async def test_dismissed_they_are_forgotten_and_it_may_blow_again(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        await fuses.blow(tx, IOS, 0.5)
        await outbox.add(tx, [report(1)], NOW)
        count = await fuses.dismiss(tx, IOS)
        free = await due(tx)
        again = await fuses.blow(tx, IOS, 0.5)

    assert (count, free, again) == (1, [], True)


async def test_reports_that_condemn_wait_a_while_and_others_do_not(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        wait = timedelta(minutes=1)
        await outbox.add(tx, [report(1), report(2, Finding.PRODUCTION)], wait)

        assert await due(tx) == [2]


async def test_an_operator_sees_and_decides(dispatch_db: AsyncEngine) -> None:
    servicer = CircuitServicer(dispatch_db)
    asked = pb.ListCircuitsRequest(app_id=str(APP))
    decision = pb.DecideFuseRequest(
        app_id=str(APP), platform=WirePlatform.PLATFORM_IOS, decision=pb.FUSE_DECISION_DISMISS
    )
    async with dispatch_db.begin() as tx:
        await fuses.blow(tx, IOS, 0.5)
        await outbox.add(tx, [report(1)], NOW)
        opening = Opening(Cause.OUTAGE, "curl 7")
        await circuits.open_(tx, Key(APP, Platform.ANDROID), opening, 1, timedelta(minutes=1))
    seen = await servicer.ListCircuits(asked, NOBODY)
    decided = await servicer.DecideFuse(decision, NOBODY)
    after = await servicer.ListCircuits(asked, NOBODY)

    [circuit], [fuse] = seen.circuits, seen.fuses
    assert (circuit.cause, circuit.reason) == (pb.CIRCUIT_CAUSE_OUTAGE, "curl 7")
    assert (fuse.held_count, fuse.share) == (1, 0.5)
    assert decided.report_count == 1
    assert list(after.fuses) == []
    with pytest.raises(FuseNotBlown):
        await servicer.DecideFuse(decision, NOBODY)


async def test_each_gate_has_its_own_and_an_operator_may_decide_about_one(
    dispatch_db: AsyncEngine,
) -> None:
    servicer = CircuitServicer(dispatch_db)
    decision = pb.DecideFuseRequest(
        app_id=str(APP), platform=WirePlatform.PLATFORM_IOS, decision=pb.FUSE_DECISION_CONFIRM
    )
    async with dispatch_db.begin() as tx:
        await fuses.blow(tx, SANDBOX, 0.5)
        await outbox.add(tx, [report(1), report(2, gate="sandbox")], NOW)
        first = await due(tx)
        await fuses.blow(tx, IOS, 0.4)
    decision.gate = "sandbox"
    sandbox = await servicer.DecideFuse(decision, NOBODY)
    async with dispatch_db.begin() as tx:
        second = await due(tx)
    decision.ClearField("gate")
    rest = await servicer.DecideFuse(decision, NOBODY)

    assert (first, second) == ([1], [2])
    assert (sandbox.report_count, rest.report_count) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"app_id": "x"},
        {"platform": WirePlatform.PLATFORM_UNSPECIFIED},
        {"decision": pb.FUSE_DECISION_UNSPECIFIED},
    ],
)
async def test_a_malformed_decision_is_refused(
    dispatch_db: AsyncEngine, change: dict[str, Any]
) -> None:
    right: dict[str, Any] = {
        "app_id": str(APP),
        "platform": WirePlatform.PLATFORM_IOS,
        "decision": pb.FUSE_DECISION_CONFIRM,
    }
    with pytest.raises(FieldInvalid):
        await CircuitServicer(dispatch_db).DecideFuse(
            pb.DecideFuseRequest(**(right | change)), NOBODY
        )
