"""What happens to subscriptions of watched applications, for whoever watches.

It is written by the statement that makes or ends subscriptions, and an application that nobody
watches finds no watch there: it pays for no statement and no row.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from services.targeting.domain.events import EventKind, Position, SubscriptionEvent
from services.targeting.domain.subscriptions import NO_TAG
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.store.arrays import guids
from services.targeting.store.tables import EVENT_NUMBERS, Xid8, subscription_events, tags, watches

# How long a reader may be away.
KEEP = timedelta(days=3)
TIME = sa.DateTime(timezone=True)
EVENT_KINDS = {number: kind for kind, number in EVENT_NUMBERS.items()}
TOLD = ("app_id", "kind", "uid", "tag_id", "tag_name", "create_time")
TRANSACTION = sa.cast(sa.cast(subscription_events.c.position, sa.Text), sa.BigInteger).label(
    "transaction"
)


def tell(kind: EventKind, changed: sa.CTE, now: datetime) -> sa.CTE:
    """Write down what happens to the subscriptions in `changed`, by (app_id, uid, tag_id)."""
    about = changed.c
    named = sa.and_(tags.c.app_id == about.app_id, tags.c.tag_id == about.tag_id)
    watched = watches.join(changed, _is_watched(about.app_id, now)).join(tags, named)
    return _tell(kind, changed, about.tag_id, tags.c.name, watched, now)


def tell_of_broadcasts(kind: EventKind, changed: sa.CTE, now: datetime) -> sa.CTE:
    """Write down that the devices in `changed`, by (app_id, uid), take or leave `Push.ALL`."""
    watched = watches.join(changed, _is_watched(changed.c.app_id, now))
    no_tag, name = sa.literal(NO_TAG, sa.BigInteger), sa.literal(PUSH_ALL, sa.Text)
    return _tell(kind, changed, no_tag, name, watched, now)


def _tell(
    kind: EventKind,
    changed: sa.CTE,
    tag_id: sa.ColumnElement[int],
    tag_name: sa.ColumnElement[str],
    watched: sa.FromClause,
    now: datetime,
) -> sa.CTE:
    number = sa.literal(EVENT_NUMBERS[kind], sa.SmallInteger)
    values = (changed.c.app_id, number, changed.c.uid, tag_id, tag_name, sa.literal(now, TIME))
    rows = sa.select(*values).select_from(watched)
    return sa.insert(subscription_events).from_select(TOLD, rows).cte("told")


def _is_watched(app_id: sa.ColumnElement[UUID], now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(watches.c.app_id == app_id, watches.c.end_time > sa.literal(now, TIME))


async def watch(tx: AsyncConnection, app_ids: Sequence[UUID], end_time: datetime) -> None:
    """Tell of the subscriptions of these applications until then."""
    # Each once and in order: two that renew must not wait for each other.
    each = sa.func.unnest(guids(sorted(set(app_ids)))).column_valued("app_id")
    insert = postgresql.insert(watches).from_select(
        ["app_id", "end_time"], sa.select(each, sa.literal(end_time, TIME))
    )
    await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["app_id"], set_={"end_time": insert.excluded.end_time}
        )
    )


async def read_after(
    tx: AsyncConnection, position: Position, limit: int
) -> list[SubscriptionEvent]:
    """Events after a position, oldest first, short of any transaction that is still open.

    A transaction that began earlier may commit later: only below the oldest one open is the
    order settled, and nothing can appear behind a reader.
    """
    event = subscription_events.c
    after = sa.tuple_(
        sa.cast(sa.cast(str(position.transaction), sa.Text), Xid8),
        sa.cast(position.number, sa.BigInteger),
    )
    oldest_open = sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot(), type_=Xid8)
    query = (
        sa.select(TRANSACTION, event.id, *(event[name] for name in TOLD))
        .where(sa.tuple_(event.position, event.id) > after, event.position < oldest_open)
        .order_by(event.position, event.id)
        .limit(limit)
    )
    return [
        SubscriptionEvent(
            Position(row.transaction, row.id),
            row.app_id,
            EVENT_KINDS[row.kind],
            row.uid,
            row.tag_id,
            row.tag_name,
            row.create_time,
        )
        for row in await tx.execute(query)
    ]


async def remove(tx: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove events that every reader has had its time to read; return how many."""
    event = subscription_events.c
    oldest = (
        sa.select(event.position, event.id, event.create_time)
        .order_by(event.position, event.id)
        .limit(limit)
        .cte("oldest")
    )
    statement = sa.delete(subscription_events).where(
        event.position == oldest.c.position,
        event.id == oldest.c.id,
        oldest.c.create_time < before,
    )
    return (await tx.execute(statement)).rowcount


async def forget_watches(tx: AsyncConnection, before: datetime) -> None:
    """Forget the watches that ended before a time."""
    await tx.execute(sa.delete(watches).where(watches.c.end_time < before))
