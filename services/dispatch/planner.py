"""The planner cuts targets into parcels, wakes what waited, and says when a message is finished."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

import structlog
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import OUTAGE_SECONDS, Bell, work
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.messages import Status, TargetKind
from services.dispatch.domain.parcels import Lane
from services.dispatch.domain.rooms import Slicer, TargetRefused
from services.dispatch.store import counts, days, fuses, intake, messages, parcels, plans, requests
from services.dispatch.tracing import context_of
from services.kit.database import is_outage

log = structlog.get_logger()
tracer = trace.get_tracer("carillon.dispatch")

POLL_SECONDS = 1.0
WAKE_SECONDS = 0.25
WAKE_LIMIT = 1000
BEGIN_LIMIT = 500
FINISH_LIMIT = 250
# So many times as long as it took to look at all messages under way, nobody looks again.
FINISH_REST = 10
LONGEST_REST_SECONDS = 2.0
KEEP_HOUSE_SECONDS = 3600.0
# After an operator confirmed that addresses are no good, the fuse may blow again only later.
FUSE_REST = timedelta(days=1)
DAYS_AHEAD = 7
FOLD_SECONDS = 1.0
FOLD_LIMIT = 5000
FORGET_LIMIT = 5000
# Longer than any report looks back.
KEEP_COUNTS = timedelta(days=400)
MAX_FAILURES = 8
MAX_BACKOFF = timedelta(minutes=5)


class Planner:
    """Several may run: each message and each parcel is worked on by one at a time."""

    def __init__(
        self,
        db: AsyncEngine,
        slicer: Slicer,
        clock: Callable[[], datetime],
        *,
        ring_parcels: Callable[[], None],
        retention: timedelta,
        lease_time: timedelta,
        workers: int = 4,
    ) -> None:
        self._db = db
        self._autocommit = db.execution_options(isolation_level="AUTOCOMMIT")
        self._slicer = slicer
        self._clock = clock
        self._ring_parcels = ring_parcels
        self._retention = retention
        self._lease_time = lease_time
        self._workers = workers
        self.plans_bell = Bell()
        self.endings_bell = Bell()

    async def run(self) -> None:
        await self.keep_house()
        quiet = Bell()
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                name = f"planner.{number}"
                group.create_task(work(name, self.plan_next, self.plans_bell, POLL_SECONDS))
            group.create_task(
                work("finisher", self._finish_now_and_then, self.endings_bell, POLL_SECONDS)
            )
            group.create_task(work("waker", self.wake, quiet, WAKE_SECONDS))
            group.create_task(work("starter", self.begin, quiet, WAKE_SECONDS))
            group.create_task(work("counter", self.fold, Bell(), FOLD_SECONDS))
            group.create_task(work("keeper", self.keep_house, Bell(), KEEP_HOUSE_SECONDS))

    async def plan_next(self) -> bool:
        """Cut one waiting message's target; False if none waits."""
        with suppress_instrumentation():
            async with self._autocommit.connect() as connection:
                plan = await plans.lease(connection, self._lease_time)
        if plan is None:
            return False
        try:
            await self._work_on(plan)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("plan.store_away", message_id=plan.message_id, error=type(error).__name__)
            await self._give_back(plan)
        return True

    async def _work_on(self, plan: plans.Plan) -> None:
        context = context_of(plan.message.trace_parent)
        with tracer.start_as_current_span(
            "plan", context=context, kind=trace.SpanKind.CONSUMER
        ) as span:
            span.set_attribute("carillon.message_id", plan.message_id)
            await self._plan(plan)

    async def _plan(self, plan: plans.Plan) -> None:
        try:
            await self._cut(plan)
        except RoomUnavailable as fault:
            await self._put_off(plan, fault.reason)
        except TargetRefused:
            await self._fail(plan, "target refused")
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("plan.failed", message_id=plan.message_id)
            if plan.failures >= MAX_FAILURES:
                await self._fail(plan, type(error).__name__)
            else:
                await self._put_off(plan, type(error).__name__)

    async def _give_back(self, plan: plans.Plan) -> None:
        """Leave the plan to whoever is free as soon as the database is back.

        Without this it would wait for its lease to run out, and so it does if we cannot.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lease_time.total_seconds()):
                while not await self._try_give_back(plan):  # noqa: ASYNC110  nobody rings when it is back
                    await asyncio.sleep(OUTAGE_SECONDS)

    async def _try_give_back(self, plan: plans.Plan) -> bool:
        try:
            with suppress_instrumentation():
                async with self._db.begin() as tx:
                    await plans.put_off(tx, plan, timedelta())
        except Exception as error:
            if not is_outage(error):
                raise
            return False
        return True

    async def _cut(self, plan: plans.Plan) -> None:
        message = plan.message
        explicit = message.target.kind in {TargetKind.DEVICES, TargetKind.USERS}
        lane = Lane.EXPRESS if explicit else Lane.BULK
        count = 0
        async for cut in self._slicer.slice_target(plan.app_id, message.target, plan.resume_token):
            async with self._db.begin() as tx:
                if not await plans.go_on(tx, plan, cut.resume_token, self._lease_time):
                    return  # another planner has it, or it was cancelled
                await plans.add_parcels(tx, plan, lane, cut.slices, message.start_time)
            count += len(cut.slices)
            self._ring_parcels()
        async with self._db.begin() as tx:
            if await plans.end(tx, plan):
                await messages.move(tx, plan.app_id, plan.message_id, Status.DISPATCHING)
        self.endings_bell.ring()
        log.info("message.planned", message_id=plan.message_id, parcels=count)

    async def _put_off(self, plan: plans.Plan, reason: str) -> None:
        wait = min(timedelta(seconds=2**plan.failures), MAX_BACKOFF)
        async with self._db.begin() as tx:
            await plans.put_off(tx, plan, wait)
        log.warning("plan.put_off", message_id=plan.message_id, reason=reason, seconds=wait.seconds)

    async def _fail(self, plan: plans.Plan, reason: str) -> None:
        async with self._db.begin() as tx:
            if await plans.end(tx, plan):
                await messages.move(
                    tx, plan.app_id, plan.message_id, Status.PROCESSING_FAILED, self._clock()
                )
        log.error("message.not_planned", message_id=plan.message_id, reason=reason)

    async def _finish_now_and_then(self) -> bool:
        loop = asyncio.get_running_loop()
        began = loop.time()
        if await self.finish():
            return True
        await asyncio.sleep(min(FINISH_REST * (loop.time() - began), LONGEST_REST_SECONDS))
        return False

    async def finish(self) -> bool:
        """End the messages whose last parcel is gone; whether there may be more."""
        with suppress_instrumentation():
            async with self._autocommit.connect() as connection:
                finished = await messages.finish(connection, self._clock(), FINISH_LIMIT)
        for message_id, status in finished:
            log.info("message.finished", message_id=message_id, status=status.name)
        return len(finished) == FINISH_LIMIT

    async def wake(self) -> bool:
        """Make ready what was put off until now or lost its sender; whether there may be more."""
        with suppress_instrumentation():
            async with self._db.begin() as tx:
                woken = await parcels.wake(tx, WAKE_LIMIT)
        if woken:
            self._ring_parcels()
        return woken == WAKE_LIMIT

    async def begin(self) -> bool:
        """Send what is small and scheduled until now; whether there may be more."""
        with suppress_instrumentation():
            async with self._autocommit.connect() as connection:
                begun = await intake.begin_small(connection, BEGIN_LIMIT)
        if begun:
            self._ring_parcels()
        return begun == BEGIN_LIMIT

    async def fold(self) -> bool:
        """Add what was counted since to the totals; whether there may be more."""
        with suppress_instrumentation():
            async with self._db.begin() as tx:
                return await counts.fold(tx, FOLD_LIMIT) == FOLD_LIMIT

    async def keep_house(self) -> bool:
        """Open the coming days, forget what is beyond retention, and old request ids.

        What is old is so by our clock and by the database's: one that jumps ahead forgets nothing.
        """
        ours = self._clock()
        with suppress_instrumentation():
            async with self._db.begin() as tx:
                stored = await days.read_clock(tx)
                for day in {ours.date(), stored.date()}:
                    await days.open_days(tx, day - timedelta(days=1), DAYS_AHEAD + 1)
                now = min(ours, stored)
                await requests.forget_expired(tx, now)
                await fuses.forget_confirmed(tx, FUSE_REST)
            today: date = now.date()
            oldest = today - self._retention
            # Before their outcomes: nobody may find a message whose day is gone.
            while await self._forget_messages(datetime.combine(oldest, time(), UTC)):
                pass
            async with self._db.begin() as tx:
                dropped = await days.drop_days(tx, oldest)
                await counts.forget_receipts(tx, oldest)
                await counts.forget_days(tx, today - KEEP_COUNTS)
        if dropped:
            log.info("days.dropped", partitions=dropped)
        return False

    async def _forget_messages(self, before: datetime) -> bool:
        async with self._db.begin() as tx:
            return await messages.forget(tx, before, FORGET_LIMIT) == FORGET_LIMIT
