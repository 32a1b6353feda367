"""Plans: messages whose target is still to be cut into parcels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.parcels import Lane, ParcelState, Slice
from services.dispatch.store.messages import places
from services.dispatch.store.tables import parcels, plans


@dataclass(frozen=True, slots=True)
class Plan:
    """A leased plan. It is worked on under its epoch alone."""

    app_id: UUID
    message_id: str
    resume_token: str
    failures: int
    epoch: int


async def lease(tx: AsyncConnection, lease_time: timedelta) -> Plan | None:
    """Take the plan that has waited longest, by the database's clock."""
    due = (
        sa.select(plans.c.app_id, plans.c.message_id)
        .where(~plans.c.is_small, plans.c.due_time <= sa.func.now())
        .order_by(plans.c.due_time)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = await tx.execute(
        sa.update(plans)
        .where(plans.c.app_id == due.c.app_id, plans.c.message_id == due.c.message_id)
        .values(epoch=plans.c.epoch + 1, due_time=sa.func.now() + lease_time)
        .returning(
            plans.c.app_id,
            plans.c.message_id,
            plans.c.resume_token,
            plans.c.failures,
            plans.c.epoch,
        )
    )
    row = taken.one_or_none()
    return Plan(*row) if row else None


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
    rows = [
        {
            "app_id": plan.app_id,
            "message_id": plan.message_id,
            "lane": lane,
            "platform": part.platform,
            "after_uid": part.after_uid,
            "through_uid": part.through_uid,
            "attempt": 0,
            "first_time": first_time,
            "state": ParcelState.READY,
        }
        for part in slices
    ]
    await tx.execute(sa.insert(parcels).values(place=places.next_value()), rows)


def _is(plan: Plan) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        plans.c.app_id == plan.app_id,
        plans.c.message_id == plan.message_id,
        plans.c.epoch == plan.epoch,
    )
