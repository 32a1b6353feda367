"""How much waits for each webhook, and how more than it may is given up: the oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.store.events import IS_DEAD, KEEP_DEAD, State
from services.dispatch.store.tables import webhook_events, webhooks
from services.dispatch.store.webhooks import IS_WAITING

REASON = "BacklogFull"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Of one webhook: how many events are more than may wait, and how many dead letters."""

    webhook_id: int
    app_id: UUID
    name: str
    waiting: int
    dead: int


async def find_full(tx: AsyncConnection, most: int, batch: int) -> Sequence[Backlog]:
    """The webhooks for which more than `most` wait or lie dead; what exceeds counts to `batch`."""
    waiting, dead = _count(IS_WAITING, "waiting", most, batch), _count(IS_DEAD, "dead", most, batch)
    found = await tx.execute(
        sa.select(webhooks.c.webhook_id, webhooks.c.app_id, webhooks.c.name)
        .add_columns(waiting.c.excess.label("waiting"), dead.c.excess.label("dead"))
        .select_from(webhooks.join(waiting, sa.true()).join(dead, sa.true()))
        .where(sa.or_(waiting.c.excess > 0, dead.c.excess > 0))
        .order_by(webhooks.c.webhook_id)
    )
    return [Backlog(*row) for row in found]


async def give_up_oldest(tx: AsyncConnection, webhook_id: int, count: int, now: datetime) -> int:
    """Make dead letters of the events that wait longest; what a worker writes is passed over."""
    oldest = _oldest(webhook_id, IS_WAITING, count)
    given_up = await tx.execute(
        sa.update(webhook_events)
        .where(webhook_events.c.number == oldest.c.number)
        .values(state=State.DEAD, end_time=now + KEEP_DEAD, reason=REASON)
    )
    return given_up.rowcount


async def forget_oldest(tx: AsyncConnection, webhook_id: int, count: int) -> int:
    """Delete the oldest dead letters."""
    oldest = _oldest(webhook_id, IS_DEAD, count)
    forgotten = await tx.execute(
        sa.delete(webhook_events).where(webhook_events.c.number == oldest.c.number)
    )
    return forgotten.rowcount


def _count(state: sa.ColumnElement[bool], name: str, most: int, batch: int) -> sa.FromClause:
    """For a webhook, by its index: no further than it matters."""
    some = (
        sa.select(webhook_events.c.number)
        .where(webhook_events.c.webhook_id == webhooks.c.webhook_id, state)
        .limit(most + batch)
        .correlate(webhooks)
        .subquery(f"some_{name}")
    )
    excess = sa.func.greatest(sa.func.count() - most, 0).label("excess")
    return sa.select(excess).select_from(some).lateral(name)


def _oldest(webhook_id: int, state: sa.ColumnElement[bool], count: int) -> sa.CTE:
    return (
        sa.select(webhook_events.c.number)
        .where(webhook_events.c.webhook_id == webhook_id, state)
        .order_by(webhook_events.c.number)
        .limit(count)
        .with_for_update(skip_locked=True)
        .cte("oldest")
    )
