"""Does sending wait for planning, and how does a message end whose target goes away meanwhile?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.credentials import GatewayKind
from services.dispatch.domain.messages import Message, Platform, Status, Target
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.parcels import Slice
from services.dispatch.domain.rooms import Cut, Endings
from services.dispatch.follower import Follower
from services.dispatch.planner import Planner
from services.dispatch.store import intake, messages
from tests.dispatch.makers import APP, EVERYONE, a_message
from tests.dispatch.station import OK, Station, apns_key, now, phones, working
from tests.house.waiting import until

KEPT = {GatewayKind.APNS: apns_key()}
SENT = (Outcome.SENT, "")


@dataclass
class Slicer:
    """Targeting: five phones in the first slice, five in the second, which it holds back."""

    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def slice_target(
        self, _app: UUID, _target: Target, _resume_token: str
    ) -> AsyncIterator[Cut]:
        yield Cut((Slice(Platform.IOS, 0, 5, 5),), "1")
        await self.may_go_on.wait()
        yield Cut((Slice(Platform.IOS, 5, 10, 5),), "2")


class Feed:
    """Registry's feed: the application has ended."""

    async def endings(self, position: str) -> Endings:
        return Endings(() if position else (APP,), "1")


@dataclass
class Planning:
    station: Station
    planner: Planner
    slicer: Slicer
    message: Message
    cutting: asyncio.Task[bool]

    async def look(self) -> Message:
        async with self.station.db.connect() as tx:
            found = await messages.get(tx, APP, self.message.message_id)
        assert found is not None
        return found

    async def end(self) -> Message:
        """The message, when the rest is cut and nothing is left of it."""
        self.slicer.may_go_on.set()
        await self.cutting
        await until(self.station.states, lambda states: not states)
        await self.planner.finish()
        return await self.look()


@asynccontextmanager
async def planning(db: AsyncEngine, count: int = 10) -> AsyncIterator[Planning]:
    """A broadcast of which the first slice is cut, and the second not yet."""
    async with working(db, phones(count), lambda _: OK, KEPT) as station:
        slicer = Slicer()
        planner = Planner(
            db,
            slicer,
            now,
            ring_parcels=station.sender.bell.ring,
            retention=timedelta(days=90),
            lease_time=timedelta(seconds=30),
        )
        message = a_message(EVERYONE, now=now())
        async with db.begin() as tx:
            await intake.accept(tx, [message])
        cutting = asyncio.create_task(planner.plan_next())
        try:
            yield Planning(station, planner, slicer, message, cutting)
        finally:
            slicer.may_go_on.set()
            await cutting


async def test_the_first_parcels_are_sent_while_the_rest_is_being_cut(
    dispatch_db: AsyncEngine,
) -> None:
    async with planning(dispatch_db) as plan:
        early = await plan.station.ended(plan.message, 5)
        during = await plan.look()
        assert not plan.cutting.done()
        after = await plan.end()
        late = await plan.station.outcomes(plan.message)

    assert early == dict.fromkeys(range(1, 6), SENT)
    assert during.status is Status.PROCESSING
    assert late == dict.fromkeys(range(1, 11), SENT)
    assert after.status is Status.DISPATCHED


async def test_a_slice_that_means_nobody_leaves_no_trace(dispatch_db: AsyncEngine) -> None:
    async with planning(dispatch_db, count=5) as plan:
        after = await plan.end()
        outcomes = await plan.station.outcomes(plan.message)

    assert outcomes == dict.fromkeys(range(1, 6), SENT)
    assert after.status is Status.DISPATCHED


async def test_a_target_that_means_nobody_in_the_end_has_failed(dispatch_db: AsyncEngine) -> None:
    async with planning(dispatch_db, count=0) as plan:
        after = await plan.end()
        outcomes = await plan.station.outcomes(plan.message)

    assert outcomes == {}
    assert after.status is Status.FAILED


async def test_of_a_tag_that_is_deleted_on_the_way_who_was_sent_to_stays_so(
    dispatch_db: AsyncEngine,
) -> None:
    async with planning(dispatch_db) as plan:
        await plan.station.ended(plan.message, 5)
        plan.station.people.recipients.clear()
        after = await plan.end()
        outcomes = await plan.station.outcomes(plan.message)

    assert outcomes == dict.fromkeys(range(1, 6), SENT)
    assert after.status is Status.DISPATCHED


async def test_an_application_that_is_deleted_on_the_way_is_cut_no_further(
    dispatch_db: AsyncEngine,
) -> None:
    async with planning(dispatch_db) as plan:
        await plan.station.ended(plan.message, 5)
        follower = Follower(dispatch_db, Feed(), now)
        while await follower.step():
            pass
        after = await plan.end()
        outcomes = await plan.station.outcomes(plan.message)

    assert outcomes == dict.fromkeys(range(1, 6), SENT)
    assert after.status is Status.CANCELLED
