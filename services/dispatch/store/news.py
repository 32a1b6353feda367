"""What came of messages, for applications that listen: noted where it is recorded, told later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Manner, Outcome
from services.dispatch.domain.segments import pack_uids, unpack_uids
from services.dispatch.domain.webhooks import NOTIFICATIONS
from services.dispatch.store import webhooks
from services.dispatch.store.tables import is_any, news

# How far along a webhook is told: what was withdrawn or cancelled was never sent.
TOLD = frozenset(
    {
        *(Outcome.SENT, Outcome.SEEN, Outcome.OPEN),
        *(Outcome.INVALID, Outcome.FAILED, Outcome.EXPIRED),
    }
)


@dataclass(frozen=True, slots=True)
class News:
    """Devices of one platform to which the same happened with one message."""

    app_id: UUID
    message_id: str
    platform: Platform
    outcome: Outcome
    reason: str
    uids: tuple[int, ...]
    time: datetime


async def note(
    tx: AsyncConnection, ended: Sequence[tuple[UUID, str, Mapping[Manner, Sequence[int]]]]
) -> bool:
    """Note how these messages ended, if their applications listen; whether any does."""
    app_ids = {app_id for app_id, _, _ in ended}
    listening = await webhooks.listening(tx, app_ids, NOTIFICATIONS) if app_ids else frozenset()
    grouped: dict[tuple[UUID, str, Manner], list[int]] = {}
    for app_id, message_id, manners in ended:
        if app_id not in listening:
            continue
        for manner, uids in manners.items():
            if manner[1] in TOLD:
                grouped.setdefault((app_id, message_id, manner), []).extend(uids)
    rows = [
        {
            "app_id": app_id,
            "message_id": message_id,
            "platform": platform,
            "outcome": outcome,
            "reason": reason,
            "uids": pack_uids(sorted(uids)),
        }
        for (app_id, message_id, (platform, outcome, reason)), uids in grouped.items()
    ]
    if rows:
        await tx.execute(sa.insert(news), rows)
    return bool(rows)


async def take(tx: AsyncConnection, limit: int) -> list[tuple[int, News]]:
    """The oldest news, locked until the transaction ends; others pass them by."""
    found = await tx.execute(
        sa.select(
            news.c.news_id,
            news.c.app_id,
            news.c.message_id,
            news.c.platform,
            news.c.outcome,
            news.c.reason,
            news.c.uids,
            news.c.create_time,
        )
        .order_by(news.c.news_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [
        (
            row.news_id,
            News(
                row.app_id,
                row.message_id,
                Platform(row.platform),
                Outcome(row.outcome),
                row.reason,
                tuple(unpack_uids(row.uids)),
                row.create_time,
            ),
        )
        for row in found
    ]


async def delete(tx: AsyncConnection, news_ids: Sequence[int]) -> None:
    await tx.execute(sa.delete(news).where(is_any(news.c.news_id, news_ids)))
