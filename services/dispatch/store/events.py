"""Events on their way to webhooks: waiting until they are delivered, or dead letters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.store.tables import is_any, walk, webhook_events
from services.dispatch.store.webhooks import IS_WAITING
from services.kit.paging import Window
from services.kit.vault import Sealed, Vault

BODY = "webhook-event"
IS_DEAD = webhook_events.c.state == sa.literal_column("2")
# How long a dead letter can be looked at and tried again.
KEEP_DEAD = timedelta(days=30)

COLUMNS = (
    webhook_events.c.number,
    webhook_events.c.event_id,
    webhook_events.c.key_id,
    webhook_events.c.sealed_body,
    webhook_events.c.trace_parent,
    webhook_events.c.attempts,
    webhook_events.c.reason,
    webhook_events.c.create_time,
    webhook_events.c.end_time,
)


class State(IntEnum):
    WAITING = 1
    DEAD = 2


@dataclass(frozen=True, slots=True)
class Posting:
    """An event on its way to one webhook. `end_time` is when trying ends."""

    number: int
    event_id: str
    body: bytes = field(repr=False)
    trace_parent: str
    attempts: int
    reason: str
    create_time: datetime
    end_time: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """An event for one webhook, before it is posted."""

    webhook_id: int
    app_id: UUID
    body: bytes = field(repr=False)
    time: datetime
    trace_parent: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed: the event is due again after `wait_seconds`, or never if None."""

    number: int
    reason: str
    wait_seconds: float | None


async def add(
    tx: AsyncConnection, vault: Vault, drafts: Sequence[Draft], end_time: datetime
) -> None:
    rows = []
    for draft in drafts:
        sealed = vault.seal(draft.body, draft.app_id, BODY)
        rows.append(
            {
                "event_id": uuid4(),
                "webhook_id": draft.webhook_id,
                "key_id": sealed.key_id,
                "sealed_body": sealed.box,
                "trace_parent": draft.trace_parent,
                "create_time": draft.time,
                "end_time": end_time,
            }
        )
    await tx.execute(sa.insert(webhook_events), rows)


async def due(
    tx: AsyncConnection, vault: Vault, app_id: UUID, webhook_id: int, limit: int
) -> list[Posting]:
    """What is due for a webhook, the longest due first."""
    found = await tx.execute(
        sa.select(*COLUMNS)
        .where(
            webhook_events.c.webhook_id == webhook_id,
            IS_WAITING,
            webhook_events.c.due_time <= sa.func.now(),
        )
        .order_by(webhook_events.c.due_time, webhook_events.c.number)
        .limit(limit)
    )
    return [_from_row(vault, app_id, row) for row in found]


async def delete(tx: AsyncConnection, numbers: Sequence[int]) -> None:
    """Take off what was delivered."""
    await tx.execute(sa.delete(webhook_events).where(is_any(webhook_events.c.number, numbers)))


async def put_off(tx: AsyncConnection, failed: Sequence[Failure], now: datetime) -> None:
    """Note failed attempts: to be tried again, or as dead letters."""
    attempts = webhook_events.c.attempts + 1
    for failure in failed:
        values: Mapping[str, Any] = {"attempts": attempts, "reason": failure.reason}
        if failure.wait_seconds is None:
            values = {**values, "state": State.DEAD, "end_time": now + KEEP_DEAD}
        else:
            wait = timedelta(seconds=failure.wait_seconds)
            values = {**values, "due_time": sa.func.now() + wait}
        await tx.execute(
            sa.update(webhook_events)
            .where(webhook_events.c.number == failure.number)
            .values(values)
        )


async def give_up(tx: AsyncConnection, webhook_id: int, reason: str, now: datetime) -> int:
    """Make dead letters of what waited for a failing webhook until its time was out."""
    statement = (
        sa.update(webhook_events)
        .where(
            webhook_events.c.webhook_id == webhook_id,
            IS_WAITING,
            webhook_events.c.end_time <= now,
        )
        .values(state=State.DEAD, end_time=now + KEEP_DEAD, reason=reason)
    )
    return (await tx.execute(statement)).rowcount


async def dead(
    tx: AsyncConnection,
    vault: Vault,
    app_id: UUID,
    webhook_id: int,
    window: Window[tuple[int]],
) -> list[Posting]:
    """Dead letters, the oldest first, in the window's direction, up to its limit."""
    query = sa.select(*COLUMNS).where(webhook_events.c.webhook_id == webhook_id, IS_DEAD)
    found = await tx.execute(walk(query, webhook_events.c.number, window))
    return [_from_row(vault, app_id, row) for row in found]


async def revive(
    tx: AsyncConnection, webhook_id: int, event_ids: Sequence[UUID], end_time: datetime
) -> int:
    """Let dead letters be tried again until `end_time`: these, or all if none is named."""
    statement = sa.update(webhook_events).where(webhook_events.c.webhook_id == webhook_id, IS_DEAD)
    if event_ids:
        statement = statement.where(is_any(webhook_events.c.event_id, event_ids))
    revived = statement.values(
        state=State.WAITING, attempts=0, due_time=sa.func.now(), end_time=end_time
    )
    return (await tx.execute(revived)).rowcount


async def forget_dead(tx: AsyncConnection, now: datetime, limit: int) -> int:
    """Delete dead letters that were kept long enough; return how many."""
    old = (
        sa.select(webhook_events.c.number)
        .where(IS_DEAD, webhook_events.c.end_time <= now)
        .order_by(webhook_events.c.end_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    statement = sa.delete(webhook_events).where(webhook_events.c.number == old.c.number)
    return (await tx.execute(statement)).rowcount


def _from_row(vault: Vault, app_id: UUID, row: sa.Row[*tuple[Any, ...]]) -> Posting:
    return Posting(
        number=row.number,
        event_id=f"evt_{row.event_id.hex}",
        body=vault.unseal(Sealed(row.key_id, row.sealed_body), app_id, BODY),
        trace_parent=row.trace_parent,
        attempts=row.attempts,
        reason=row.reason,
        create_time=row.create_time,
        end_time=row.end_time,
    )
