"""Messages are accepted in groups: whatever is waiting when a transaction is free goes into it."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.faults import RequestIdReused
from services.dispatch.domain.messages import Message, Submission
from services.dispatch.store import days, intake, messages, requests
from services.kit.batching import Coalescer
from services.kit.faults import Fault

log = structlog.get_logger()

# Ids are drawn at random; a taken one costs another try of the whole group.
ID_TRIES = 3


class Acceptance:
    """Puts submissions on record. What `accept` has returned survives any crash."""

    def __init__(
        self,
        db: AsyncEngine,
        clock: Callable[[], datetime],
        *,
        ring_plans: Callable[[], None],
        ring_parcels: Callable[[], None],
    ) -> None:
        self._db = db
        # A statement that stands alone needs no transaction around it.
        self._alone = db.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._ring_plans = ring_plans
        self._ring_parcels = ring_parcels
        self._group = Coalescer(self._accept_group)
        self._open_days: set[date] = set()

    async def accept(self, submissions: Sequence[Submission]) -> list[Message]:
        """All of them or none."""
        return await self._group.call(submissions)

    async def accept_once(
        self,
        app_id: UUID,
        request_id: str,
        digest: bytes,
        submissions: Sequence[Submission],
        refusal: Fault | None = None,
    ) -> list[Message]:
        """As `accept`, but a repeat of the same request is answered with its first messages.

        Raises:
            RequestIdReused: if the id stands for another request.
            Fault: `refusal`, of new requests alone: what was in time once may be repeated.
        """
        for last in (False, False, True):
            try:
                return await self._try_once(app_id, request_id, digest, submissions, refusal)
            except intake.IdTaken:
                if last:
                    raise
        raise AssertionError("unreachable")

    async def _try_once(
        self,
        app_id: UUID,
        request_id: str,
        digest: bytes,
        submissions: Sequence[Submission],
        refusal: Fault | None,
    ) -> list[Message]:
        now = self._clock()
        named = [submission.accepted(now) for submission in submissions]
        ids = [each.message_id for each in named]
        await self._see_to_days(named)
        async with self._db.begin() as tx:
            known, first_ids = await requests.claim(tx, app_id, request_id, digest, ids, now)
            if known != digest:
                raise RequestIdReused(request_id)
            if first_ids != ids:
                return await _read_all(tx, app_id, first_ids)
            if refusal is not None:
                raise refusal
            await intake.accept(tx, named)
        self._ring(named)
        return named

    async def _accept_group(
        self, group: list[Sequence[Submission]]
    ) -> list[list[Message] | Exception]:
        for last in (False,) * (ID_TRIES - 1) + (True,):
            now = self._clock()
            named = [[submission.accepted(now) for submission in part] for part in group]
            everyone = [each for part in named for each in part]
            await self._see_to_days(everyone)
            try:
                async with self._alone.connect() as tx:
                    await intake.accept(tx, everyone)
            except intake.IdTaken:
                if last:
                    raise
                continue
            self._ring(everyone)
            return list(named)
        raise AssertionError("unreachable")

    async def _see_to_days(self, accepted: Sequence[Message]) -> None:
        """Open the days of what begins now, unless the keeper has: our clocks may differ."""
        for day in {each.day for each in accepted if not each.schedule.start} - self._open_days:
            async with self._db.begin() as tx:
                if await days.are_open(tx, day):
                    self._open_days.add(day)
                else:
                    await days.open_days(tx, day, 1)
                    log.warning("day.opened", day=str(day))

    def _ring(self, accepted: Sequence[Message]) -> None:
        now_due = [each for each in accepted if not each.schedule.start]
        if any(each.target.is_small for each in now_due):
            self._ring_parcels()
        if not all(each.target.is_small for each in now_due):
            self._ring_plans()
        for each in accepted:
            log.info(
                "message.accepted",
                message_id=each.message_id,
                app_id=str(each.app_id),
                target=each.target.kind.value,
            )


async def _read_all(tx: AsyncConnection, app_id: UUID, ids: Sequence[str]) -> list[Message]:
    found = await messages.get_all(tx, app_id, ids)
    return [found[message_id] for message_id in ids]
