"""How far the feeds of other rooms were read."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.store.tables import feeds


async def position(tx: AsyncConnection, feed: str) -> str:
    """Where to go on; empty at the very beginning."""
    found = await tx.execute(sa.select(feeds.c.position).where(feeds.c.feed == feed))
    return found.scalar_one_or_none() or ""


async def move(tx: AsyncConnection, feed: str, old: str, new: str) -> bool:
    """Go on from `old` to `new`; False if somebody else has gone on from there already."""
    insert = pg.insert(feeds).values(feed=feed, position=new)
    moved = insert.on_conflict_do_update(
        index_elements=["feed"],
        set_={"position": insert.excluded.position},
        where=feeds.c.position == old,
    ).returning(feeds.c.feed)
    return (await tx.execute(moved)).one_or_none() is not None
