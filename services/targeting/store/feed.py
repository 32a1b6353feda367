"""How far registry's feed of changes has been followed."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.targeting.store.tables import feed_position


async def position(tx: AsyncConnection) -> str:
    found: str = (await tx.execute(sa.select(feed_position.c.position))).scalar_one()
    return found


async def move(tx: AsyncConnection, old: str, new: str) -> bool:
    """Go on from `old` to `new`; False if somebody else has gone on from there already."""
    statement = sa.update(feed_position).where(feed_position.c.position == old).values(position=new)
    return (await tx.execute(statement)).rowcount == 1
