"""The outbox: dead addresses on their way to registry, kept until it has taken them."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.outcomes import DeadAddress
from services.dispatch.store.tables import dead_addresses, is_any


async def add(tx: AsyncConnection, dead: Sequence[DeadAddress]) -> None:
    await tx.execute(
        sa.insert(dead_addresses),
        [
            {
                "app_id": each.app_id,
                "uid": each.uid,
                "address_digest": each.address_digest,
                "dead_time": each.dead_time,
            }
            for each in dead
        ],
    )


async def take(tx: AsyncConnection, limit: int) -> list[tuple[int, DeadAddress]]:
    """The oldest reports, locked until the transaction ends; others pass them by."""
    found = await tx.execute(
        sa.select(
            dead_addresses.c.report_id,
            dead_addresses.c.app_id,
            dead_addresses.c.uid,
            dead_addresses.c.address_digest,
            dead_addresses.c.dead_time,
        )
        .order_by(dead_addresses.c.report_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [
        (row.report_id, DeadAddress(row.app_id, row.uid, row.address_digest, row.dead_time))
        for row in found
    ]


async def delete(tx: AsyncConnection, report_ids: Sequence[int]) -> None:
    await tx.execute(
        sa.delete(dead_addresses).where(is_any(dead_addresses.c.report_id, report_ids))
    )
