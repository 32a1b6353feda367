"""Plans: messages whose target is still to be cut into parcels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.fairness import divide
from services.dispatch.domain.messages import Message, Status
from services.dispatch.domain.parcels import Lane, ParcelState, Slice
from services.dispatch.store import shares
from services.dispatch.store.messages import COLUMNS, may_move, read_message
from services.dispatch.store.tables import messages, parcels, plans
from services.dispatch.store.turns import IS_READY_BULK
from services.kit.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Plan:
    """A leased plan. It is worked on under its epoch alone."""

    message: Message
    resume_token: str
    failures: int
    epoch: int

    @property
    def app_id(self) -> UUID:
        return self.message.app_id

    @property
    def message_id(self) -> str:
        return self.message.message_id


def _make_lease() -> sa.Select[Any]:
    due = (
        sa.select(plans.c.app_id, plans.c.message_id)
        .where(~plans.c.is_small, plans.c.due_time <= sa.func.now())
        .order_by(plans.c.due_time)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = (
        sa.update(plans)
        .where(plans.c.app_id == due.c.app_id, plans.c.message_id == due.c.message_id)
        .values(
            epoch=plans.c.epoch + 1,
            due_time=sa.func.now() + sa.bindparam("lease_time", type_=sa.Interval),
        )
        .returning(
            plans.c.app_id,
            plans.c.message_id,
            plans.c.resume_token,
            plans.c.failures,
            plans.c.epoch,
        )
        .cte("taken")
    )
    its_own = sa.and_(
        messages.c.app_id == taken.c.app_id, messages.c.message_id == taken.c.message_id
    )
    moved = (
        sa.update(messages)
        .where(its_own, *may_move(Status.PROCESSING))
        .values(status=Status.PROCESSING)
        .cte("moved")
    )
    told = (*COLUMNS, taken.c.resume_token, taken.c.failures, taken.c.epoch)
    return sa.select(*told).select_from(taken.join(messages, its_own)).add_cte(moved)


LEASE = Prepared(_make_lease())


async def lease(tx: AsyncConnection, lease_time: timedelta) -> Plan | None:
    """Take the plan that has waited longest, by the database's clock; its message is PROCESSING.

    By itself, or in a transaction that has begun.
    """
    for row in await LEASE.fetch(tx, lease_time=lease_time):
        return Plan(read_message(row), row["resume_token"], row["failures"], row["epoch"])
    return None


async def go_on(tx: AsyncConnection, plan: Plan, resume_token: str, lease_time: timedelta) -> bool:
    """Note how far a plan has come; False if it is no longer ours."""
    noted = await tx.execute(
        sa.update(plans)
        .where(*_is(plan))
        .values(resume_token=resume_token, failures=0, due_time=sa.func.now() + lease_time)
    )
    return noted.rowcount == 1


async def put_off(tx: AsyncConnection, plan: Plan, wait: timedelta) -> None:
    await tx.execute(
        sa.update(plans)
        .where(*_is(plan))
        .values(failures=plan.failures + 1, due_time=sa.func.now() + wait)
    )


async def end(tx: AsyncConnection, plan: Plan) -> bool:
    """Take a plan off the queue; False if it is no longer ours."""
    return (await tx.execute(sa.delete(plans).where(*_is(plan)))).rowcount == 1


async def add_parcels(
    tx: AsyncConnection, plan: Plan, lane: Lane, slices: Sequence[Slice], first_time: datetime
) -> None:
    """Queue a plan's next slices: in the lane at their place, and at their turn in the application.

    Several messages of an application take turns, each with a slice at a time.
    """
    sizes = [max(part.expected_count, 1) for part in slices]
    if not sizes:
        return
    given = await shares.take(tx, lane, {plan.app_id: sum(sizes)})
    places = list(divide(given[plan.app_id], sizes))
    turns = await _take_turns(tx, plan, sizes) if lane is Lane.BULK else [0] * len(sizes)
    rows = [
        {
            "app_id": plan.app_id,
            "message_id": plan.message_id,
            "lane": lane,
            "place": place,
            "turn": turn,
            "platform": part.platform,
            "after_uid": part.after_uid,
            "through_uid": part.through_uid,
            "attempt": 0,
            "first_time": first_time,
            "state": ParcelState.READY,
        }
        for part, place, turn in zip(slices, places, turns, strict=True)
    ]
    await tx.execute(sa.insert(parcels), rows)


async def _take_turns(tx: AsyncConnection, plan: Plan, sizes: Sequence[int]) -> list[int]:
    """The application's share is locked: nobody takes its turns beside."""
    ours = (plans.c.app_id == plan.app_id, plans.c.message_id == plan.message_id)
    first = (await tx.execute(sa.select(plans.c.turn).where(*ours))).scalar_one_or_none()
    if first is None:
        foremost = (
            sa.select(parcels.c.turn)
            .where(parcels.c.app_id == plan.app_id, IS_READY_BULK)
            .order_by(parcels.c.turn, parcels.c.parcel_id)
            .limit(1)
            .scalar_subquery()
        )
        first = await shares.read_turn(tx, plan.app_id, foremost)
    turns = list(accumulate(sizes, initial=first))
    await tx.execute(sa.update(plans).where(*ours).values(turn=turns[-1]))
    await shares.note_turn(tx, plan.app_id, turns[-1])
    return turns[:-1]


def _is(plan: Plan) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        plans.c.app_id == plan.app_id,
        plans.c.message_id == plan.message_id,
        plans.c.epoch == plan.epoch,
    )
