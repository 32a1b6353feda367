"""Synced messages that were opened, until the same user's other phones have been told."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.outcomes import Opening
from services.dispatch.store.tables import dismissals, is_any

COLUMNS = (dismissals.c.app_id, dismissals.c.message_id, dismissals.c.uid)


async def take(tx: AsyncConnection, limit: int) -> list[Opening]:
    """Some openings of one message, locked until the transaction ends; others pass them by."""
    found = await tx.execute(
        sa.select(*COLUMNS).order_by(*COLUMNS).limit(limit).with_for_update(skip_locked=True)
    )
    openings = [Opening(row.app_id, row.message_id, row.uid) for row in found]
    return [each for each in openings if each.message == openings[0].message]


async def delete(tx: AsyncConnection, told: Sequence[Opening]) -> None:
    """Forget openings of one message."""
    app_id, message_id = told[0].message
    await tx.execute(
        sa.delete(dismissals).where(
            dismissals.c.app_id == app_id,
            dismissals.c.message_id == message_id,
            is_any(dismissals.c.uid, [each.uid for each in told]),
        )
    )
