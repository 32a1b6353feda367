"""The feed of what is gone."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.change import Change, Position
from services.registry.store.tables import Xid8, changes

TRANSACTION = sa.cast(sa.cast(changes.c.position, sa.Text), sa.BigInteger).label("transaction")


async def read_after(tx: AsyncConnection, position: Position, limit: int) -> list[Change]:
    """Changes after a position, oldest first, short of any transaction that is still open.

    A transaction that began earlier may commit later: only below the oldest one open is the
    order settled, and nothing can appear behind a reader.
    """
    after = sa.tuple_(
        sa.cast(sa.cast(str(position.transaction), sa.Text), Xid8),
        sa.cast(position.number, sa.BigInteger),
    )
    oldest_open = sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot(), type_=Xid8)
    query = (
        sa.select(TRANSACTION, changes.c.id, changes.c.app_id, changes.c.kind, changes.c.uid)
        .where(
            sa.tuple_(changes.c.position, changes.c.id) > after,
            changes.c.position < oldest_open,
        )
        .order_by(changes.c.position, changes.c.id)
        .limit(limit)
    )
    return [
        Change(Position(row.transaction, row.id), row.app_id, row.kind, row.uid)
        for row in await tx.execute(query)
    ]
