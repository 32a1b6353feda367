"""What is sealed, sealed anew by another key. The rows stay what they are: no version grows."""

from collections import Counter
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.vault import Sealed, Vault
from services.registry.domain.vapid import VAULT_KIND
from services.registry.store.tables import gateway_configurations, vapid_keys


async def reseal_configurations(tx: AsyncConnection, vault: Vault, size: int) -> int:
    """Seal up to `size` configurations by the vault's first key; how many there were.

    Raises:
        VaultKeyMissing: if one was sealed by a key that the vault does not have.
    """
    table = gateway_configurations.c
    query = (
        sa.select(table.app_id, table.kind, table.key_id, table.sealed_secrets)
        .where(table.key_id != vault.first)
        .order_by(table.app_id, table.kind)
        .limit(size)
        .with_for_update()
    )
    rows = (await tx.execute(query)).all()
    for row in rows:
        sealed = _reseal(vault, Sealed(row.key_id, row.sealed_secrets), row.app_id, row.kind.value)
        ours = table.app_id == row.app_id, table.kind == row.kind
        anew = {"key_id": sealed.key_id, "sealed_secrets": sealed.box}
        await tx.execute(sa.update(gateway_configurations).where(*ours).values(anew))
    return len(rows)


async def reseal_vapid_keys(tx: AsyncConnection, vault: Vault, size: int) -> int:
    """As `reseal_configurations`."""
    table = vapid_keys.c
    query = (
        sa.select(table.app_id, table.key_id, table.sealed_private_key)
        .where(table.key_id != vault.first)
        .order_by(table.app_id)
        .limit(size)
        .with_for_update()
    )
    rows = (await tx.execute(query)).all()
    for row in rows:
        was = Sealed(row.key_id, row.sealed_private_key)
        sealed = _reseal(vault, was, row.app_id, VAULT_KIND)
        anew = {"key_id": sealed.key_id, "sealed_private_key": sealed.box}
        await tx.execute(sa.update(vapid_keys).where(table.app_id == row.app_id).values(anew))
    return len(rows)


async def count_by_key(tx: AsyncConnection) -> dict[str, int]:
    """How much each key has sealed of what is there now."""
    counts: Counter[str] = Counter()
    for table in (gateway_configurations, vapid_keys):
        query = sa.select(table.c.key_id, sa.func.count()).group_by(table.c.key_id)
        counts.update({row[0]: row[1] for row in await tx.execute(query)})
    return dict(counts)


def _reseal(vault: Vault, sealed: Sealed, app_id: UUID, kind: str) -> Sealed:
    return vault.seal(vault.unseal(sealed, app_id, kind), app_id, kind)
