"""Gateway configurations and VAPID keys: what is open in plain columns, the rest sealed."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.vault import Sealed, Vault
from services.registry.domain.faults import ApplicationNotFound, GatewayNotConfigured
from services.registry.domain.gateway import (
    SEALED_MEMBERS,
    SETTINGS_OF,
    GatewayConfiguration,
    GatewayDraft,
    GatewayKind,
    GatewayState,
)
from services.registry.domain.vapid import VAULT_KIND, VapidPair
from services.registry.store.applications import IS_ALIVE, find
from services.registry.store.tables import (
    applications,
    gateway_configurations,
    gateway_versions,
    vapid_keys,
)

MAX_EXPIRING = 1000

COLUMNS = (
    gateway_configurations.c.kind,
    gateway_configurations.c.settings,
    gateway_configurations.c.key_id,
    gateway_configurations.c.sealed_secrets,
    gateway_configurations.c.version,
    gateway_configurations.c.update_time,
    gateway_configurations.c.expire_time,
    gateway_configurations.c.state,
    gateway_configurations.c.state_reason,
)


async def put(
    tx: AsyncConnection, vault: Vault, app_id: UUID, draft: GatewayDraft, now: datetime
) -> GatewayConfiguration:
    """Set one configuration, whole. The caller holds the application."""
    members = asdict(draft.settings)
    secrets = {name: members.pop(name) for name in SEALED_MEMBERS & members.keys()}
    sealed = vault.seal(msgspec.json.encode(secrets), app_id, draft.kind.value)
    values = {
        "settings": members,
        "key_id": sealed.key_id,
        "sealed_secrets": sealed.box,
        "version": gateway_versions.next_value(),
        "update_time": now,
        "expire_time": draft.expire_time,
        "state": draft.state,
        "state_reason": draft.state_reason,
        "icons": msgspec.msgpack.encode(draft.icons) if draft.icons else None,
    }
    statement = (
        insert(gateway_configurations)
        .values(app_id=app_id, kind=draft.kind, **values)
        .on_conflict_do_update(index_elements=["app_id", "kind"], set_=values)
        .returning(*COLUMNS)
    )
    return _open(vault, app_id, (await tx.execute(statement)).one())


async def note_state(
    tx: AsyncConnection,
    app_id: UUID,
    kind: GatewayKind,
    version: int,
    state: GatewayState,
    reason: str,
) -> bool:
    """Note what a gateway made of a configuration; False if it is not of this version any more."""
    ours = gateway_configurations.c.app_id == app_id, gateway_configurations.c.kind == kind
    statement = (
        sa.update(gateway_configurations)
        .where(*ours, gateway_configurations.c.version == version)
        .values(state=state, state_reason=reason)
    )
    return (await tx.execute(statement)).rowcount > 0


async def read(
    tx: AsyncConnection, vault: Vault, app_id: UUID, kind: GatewayKind
) -> GatewayConfiguration:
    """One configuration with its secrets.

    Raises:
        ApplicationNotFound: if there is no such application.
        GatewayNotConfigured: if it has no such configuration.
    """
    ours = gateway_configurations.c.app_id == app_id, gateway_configurations.c.kind == kind
    row = (await tx.execute(sa.select(*COLUMNS).where(*ours))).first()
    if row is None:
        await find(tx, app_id)
        raise GatewayNotConfigured(kind)
    return _open(vault, app_id, row)


async def read_icons(tx: AsyncConnection, app_id: UUID) -> dict[str, bytes]:
    """A website's own icons; none if it has none, or there is no such website."""
    is_it = gateway_configurations.c.kind == GatewayKind.WEB_SAFARI
    query = sa.select(gateway_configurations.c.icons)
    icons = (
        await tx.execute(query.where(gateway_configurations.c.app_id == app_id, is_it))
    ).scalar()
    return msgspec.msgpack.decode(icons, type=dict[str, bytes]) if icons else {}


async def find_account(
    tx: AsyncConnection, vault: Vault, app_id: UUID
) -> GatewayConfiguration | None:
    """The FCM configuration, if there is one: its account speaks for extensions without one."""
    try:
        return await read(tx, vault, app_id, GatewayKind.FCM)
    except GatewayNotConfigured:
        return None


async def read_all(tx: AsyncConnection, vault: Vault, app_id: UUID) -> list[GatewayConfiguration]:
    """Every configuration of an application, with its secrets.

    Raises:
        ApplicationNotFound: if there is no such application.
    """
    await find(tx, app_id)
    query = (
        sa.select(*COLUMNS)
        .where(gateway_configurations.c.app_id == app_id)
        .order_by(gateway_configurations.c.kind)
    )
    return [_open(vault, app_id, row) for row in await tx.execute(query)]


async def forget(tx: AsyncConnection, app_id: UUID, kind: GatewayKind) -> None:
    """Delete one configuration.

    Raises:
        ApplicationNotFound: if there is no such application.
        GatewayNotConfigured: if it has no such configuration.
    """
    ours = gateway_configurations.c.app_id == app_id, gateway_configurations.c.kind == kind
    statement = sa.delete(gateway_configurations).where(*ours)
    if (await tx.execute(statement)).rowcount == 0:
        await find(tx, app_id)
        raise GatewayNotConfigured(kind)


def _open(vault: Vault, app_id: UUID, row: Any) -> GatewayConfiguration:  # noqa: ANN401  of COLUMNS
    sealed = Sealed(row.key_id, row.sealed_secrets)
    secrets = msgspec.json.decode(vault.unseal(sealed, app_id, row.kind.value))
    settings = msgspec.convert({**row.settings, **secrets}, type=SETTINGS_OF[row.kind])
    return GatewayConfiguration(
        row.kind,
        settings,
        row.version,
        row.update_time,
        row.expire_time,
        row.state,
        row.state_reason,
    )


@dataclass(frozen=True, slots=True)
class Expiry:
    app_id: UUID
    kind: GatewayKind
    expire_time: datetime


async def list_expiring(tx: AsyncConnection, before: datetime) -> list[Expiry]:
    """The configurations whose certificates end before then or have ended, the first ones first."""
    table = gateway_configurations.c
    query = (
        sa.select(table.app_id, table.kind, table.expire_time)
        .where(table.expire_time < before)
        .order_by(table.expire_time)
        .limit(MAX_EXPIRING)
    )
    return [Expiry(*row) for row in await tx.execute(query)]


async def count_states(tx: AsyncConnection) -> dict[tuple[str, str], int]:
    """How many configurations there are, by kind and state. Six rows per application are read."""
    table = gateway_configurations.c
    query = sa.select(table.kind, table.state, sa.func.count()).group_by(table.kind, table.state)
    return {(kind.value, state.value): count for kind, state, count in await tx.execute(query)}


async def add_vapid_pair(
    tx: AsyncConnection, vault: Vault, app_id: UUID, pair: VapidPair, now: datetime
) -> None:
    sealed = vault.seal(pair.private, app_id, VAULT_KIND)
    await tx.execute(
        sa.insert(vapid_keys).values(
            app_id=app_id,
            public_key=pair.public,
            key_id=sealed.key_id,
            sealed_private_key=sealed.box,
            create_time=now,
        )
    )


async def read_vapid_public_key(tx: AsyncConnection, app_id: UUID) -> bytes:
    """The point that browsers are told.

    Raises:
        ApplicationNotFound: if there is no such application.
    """
    query = (
        sa.select(vapid_keys.c.public_key)
        .join_from(vapid_keys, applications, vapid_keys.c.app_id == applications.c.app_id)
        .where(vapid_keys.c.app_id == app_id, IS_ALIVE)
    )
    key = (await tx.execute(query)).scalar()
    if key is None:
        raise ApplicationNotFound(app_id)
    return bytes(key)


async def read_vapid_private_key(tx: AsyncConnection, vault: Vault, app_id: UUID) -> bytes:
    """The number that requests to Web Push services are signed with.

    Raises:
        ApplicationNotFound: if there is no such application.
    """
    query = sa.select(vapid_keys.c.key_id, vapid_keys.c.sealed_private_key)
    row = (await tx.execute(query.where(vapid_keys.c.app_id == app_id))).first()
    if row is None:
        raise ApplicationNotFound(app_id)
    return vault.unseal(Sealed(row.key_id, row.sealed_private_key), app_id, VAULT_KIND)
