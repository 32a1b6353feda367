"""Request ids: a repeated request is answered as the first time, for a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.store.tables import requests

LIFETIME = timedelta(hours=24)


async def claim(
    tx: AsyncConnection,
    app_id: UUID,
    request_id: str,
    digest: bytes,
    message_ids: Sequence[str],
    now: datetime,
) -> tuple[bytes, list[str]]:
    """The digest and messages of the request that this id stands for: these, or earlier ones.

    A repeat that comes while the first is under way waits for its transaction.
    """
    insert = pg.insert(requests).values(
        app_id=app_id,
        request_id=request_id,
        digest=digest,
        message_ids=list(message_ids),
        expire_time=now + LIFETIME,
    )
    replaced = insert.on_conflict_do_update(
        index_elements=["app_id", "request_id"],
        set_={
            "digest": insert.excluded.digest,
            "message_ids": insert.excluded.message_ids,
            "expire_time": insert.excluded.expire_time,
        },
        where=requests.c.expire_time <= now,
    ).returning(requests.c.message_ids)
    if (await tx.execute(replaced)).one_or_none() is not None:
        return digest, list(message_ids)
    stands = await tx.execute(
        sa.select(requests.c.digest, requests.c.message_ids).where(
            requests.c.app_id == app_id, requests.c.request_id == request_id
        )
    )
    row = stands.one()
    return row.digest, list(row.message_ids)


async def forget_expired(tx: AsyncConnection, now: datetime) -> int:
    return (await tx.execute(sa.delete(requests).where(requests.c.expire_time <= now))).rowcount
