"""What is left of deleted tags and applications, cleared away in batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.targeting.store.tables import opt_outs, removals, subscriptions


@dataclass(frozen=True, slots=True)
class Removal:
    """Of one kind: the subscriptions to a tag, or an application's opt-outs up to a uid."""

    removal_id: int
    app_id: UUID
    tag_id: int | None
    through_uid: int | None


async def take(tx: AsyncConnection, before: datetime) -> Removal | None:
    """The oldest removal noted before a time, held until the transaction ends."""
    statement = (
        sa.select(
            removals.c.removal_id, removals.c.app_id, removals.c.tag_id, removals.c.through_uid
        )
        .where(removals.c.create_time < before)
        .order_by(removals.c.removal_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else Removal(*row)


async def sweep(tx: AsyncConnection, removal: Removal, limit: int) -> int:
    """Delete at most `limit` of the rows that it names; return how many."""
    if removal.tag_id is not None:
        table = subscriptions
        named: Sequence[sa.ColumnElement[bool]] = (
            subscriptions.c.app_id == removal.app_id,
            subscriptions.c.tag_id == removal.tag_id,
        )
    else:
        table = opt_outs
        named = (
            opt_outs.c.app_id == removal.app_id,
            opt_outs.c.uid <= removal.through_uid,
        )
    key = table.primary_key.columns
    # In the order of the key, so that what is swept already is not searched again; materialized,
    # so that the batch is found once, and each of its rows then by key.
    batch = sa.select(*key).where(*named).order_by(*key).limit(limit)
    found = batch.cte("batch").prefix_with("MATERIALIZED")
    statement = sa.delete(table).where(sa.tuple_(*key).in_(sa.select(*found.c)))
    return (await tx.execute(statement)).rowcount


async def finish(tx: AsyncConnection, removal: Removal) -> None:
    await tx.execute(sa.delete(removals).where(removals.c.removal_id == removal.removal_id))
