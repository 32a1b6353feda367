"""What is sealed, sealed anew by another key: a stretch of numbers at a time, each met once."""

from collections import Counter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.store.events import BODY
from services.dispatch.store.tables import webhook_events, webhooks
from services.dispatch.store.webhooks import KEYRING
from services.kit.vault import Sealed, Vault


async def reseal_webhooks(
    tx: AsyncConnection, vault: Vault, after: int, size: int
) -> tuple[int, int | None]:
    """Seal the next webhooks by the vault's first key: how many, and behind which to go on.

    Raises:
        VaultKeyMissing: if one was sealed by a key that the vault does not have.
    """
    rows = await _take(
        tx,
        sa.select(webhooks.c.webhook_id, webhooks.c.app_id, webhooks.c.key_id)
        .add_columns(webhooks.c.sealed_keyring.label("box"))
        .where(webhooks.c.webhook_id > after, webhooks.c.key_id != vault.first)
        .order_by(webhooks.c.webhook_id)
        .limit(size)
        .with_for_update(),
    )
    for row in rows:
        sealed = _reseal(vault, Sealed(row.key_id, row.box), row.app_id, KEYRING)
        await tx.execute(
            sa.update(webhooks)
            .where(webhooks.c.webhook_id == row.webhook_id)
            .values(key_id=sealed.key_id, sealed_keyring=sealed.box)
        )
    return len(rows), rows[-1].webhook_id if len(rows) == size else None


async def reseal_events(
    tx: AsyncConnection, vault: Vault, after: int, size: int
) -> tuple[int, int | None]:
    """As `reseal_webhooks`; what a worker holds is passed over."""
    rows = await _take(
        tx,
        sa.select(webhook_events.c.number, webhooks.c.app_id, webhook_events.c.key_id)
        .add_columns(webhook_events.c.sealed_body.label("box"))
        .join(webhooks, webhooks.c.webhook_id == webhook_events.c.webhook_id)
        .where(webhook_events.c.number > after, webhook_events.c.key_id != vault.first)
        .order_by(webhook_events.c.number)
        .limit(size)
        .with_for_update(of=webhook_events, skip_locked=True),
    )
    if rows:
        sealed = [_reseal(vault, Sealed(row.key_id, row.box), row.app_id, BODY) for row in rows]
        anew = (
            sa.func.unnest(
                sa.cast([row.number for row in rows], sa.ARRAY(sa.BigInteger)),
                sa.cast([each.box for each in sealed], sa.ARRAY(sa.LargeBinary)),
            )
            .table_valued("number", "box", name="anew")
            .render_derived()
        )
        await tx.execute(
            sa.update(webhook_events)
            .where(webhook_events.c.number == anew.c.number)
            .values(key_id=vault.first, sealed_body=anew.c.box)
        )
    return len(rows), rows[-1].number if len(rows) == size else None


async def count_by_key(tx: AsyncConnection) -> dict[str, int]:
    """How much each key has sealed of what is there now."""
    counts: Counter[str] = Counter()
    for table in (webhooks, webhook_events):
        query = sa.select(table.c.key_id, sa.func.count()).group_by(table.c.key_id)
        counts.update({row[0]: row[1] for row in await tx.execute(query)})
    return dict(counts)


async def _take(tx: AsyncConnection, query: sa.Select[Any]) -> list[Any]:
    return list((await tx.execute(query)).all())


def _reseal(vault: Vault, sealed: Sealed, app_id: UUID, kind: str) -> Sealed:
    return vault.seal(vault.unseal(sealed, app_id, kind), app_id, kind)
