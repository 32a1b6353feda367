"""Secrets and API keys, and what their callers are judged by."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.callers import MAX_SECRETS, ApiKey, Role, Rules, SecretKind
from services.registry.domain.faults import ApiKeyNotFound, ApplicationNotFound
from services.registry.domain.secrets import StoredSecret
from services.registry.store.applications import IS_ALIVE
from services.registry.store.rows import rows
from services.registry.store.tables import api_keys, application_secrets, applications

KEY_COLUMNS = (
    api_keys.c.app_id,
    api_keys.c.key_id,
    api_keys.c.display_name,
    api_keys.c.role,
    api_keys.c.create_time,
)


@dataclass(frozen=True, slots=True)
class Account:
    """What an application's callers are judged by."""

    rules: Rules
    secrets: Sequence[StoredSecret]


async def touch(tx: AsyncConnection, app_id: UUID) -> None:
    """Tell everybody who remembers verdicts of this application to ask anew.

    It also holds the application until the transaction ends: changes of its secrets and keys
    follow one another.

    Raises:
        ApplicationNotFound: if there is none.
    """
    touched = (
        sa.update(applications)
        .where(applications.c.app_id == app_id, IS_ALIVE)
        .values(access_version=applications.c.access_version + 1)
    )
    if (await tx.execute(touched)).rowcount == 0:
        raise ApplicationNotFound(app_id)


async def versions(tx: AsyncConnection, app_ids: Collection[UUID]) -> dict[UUID, int]:
    """The access version of each of these applications that exists."""
    query = sa.select(applications.c.app_id, applications.c.access_version).where(
        _is_any(applications.c.app_id, app_ids), IS_ALIVE
    )
    return {row.app_id: row.access_version for row in await tx.execute(query)}


async def accounts(tx: AsyncConnection, app_ids: Collection[UUID]) -> dict[UUID, Account]:
    """The rules and secrets of each of these applications that exists, in one statement."""
    app, secret = applications.c, application_secrets.c
    query = (
        sa.select(
            app.app_id,
            app.access_version,
            app.enabled,
            app.verify_client_secret,
            app.clients_list_devices,
            secret.kind,
            secret.digest,
            secret.expire_time,
        )
        .outerjoin_from(applications, application_secrets, secret.app_id == app.app_id)
        .where(_is_any(app.app_id, app_ids), IS_ALIVE)
    )
    found: dict[UUID, Account] = {}
    kept: dict[UUID, list[StoredSecret]] = {}
    for row in await tx.execute(query):
        secrets = kept.setdefault(row.app_id, [])
        if row.kind is not None:
            secrets.append(StoredSecret(row.kind, row.digest, row.expire_time))
        found[row.app_id] = Account(Rules(*row[1:5]), secrets)
    return found


async def add_secret(
    tx: AsyncConnection, app_id: UUID, secret: StoredSecret, now: datetime
) -> None:
    await tx.execute(
        sa.insert(application_secrets).values(
            app_id=app_id,
            kind=secret.kind,
            digest=secret.digest,
            create_time=now,
            expire_time=secret.expire_time,
        )
    )


async def retire_secrets(
    tx: AsyncConnection, app_id: UUID, kind: SecretKind, end: datetime, now: datetime
) -> None:
    """Let the secrets of a kind end at `end` at the latest; remove those that have ended.

    Of more than there is room for beside a new one, the oldest are removed.
    """
    secret = application_secrets.c
    of_kind = (secret.app_id == app_id, secret.kind == kind)
    await tx.execute(
        sa.update(application_secrets)
        .where(*of_kind)
        .values(expire_time=sa.func.least(secret.expire_time, end))
    )
    oldest = (
        sa.select(secret.digest)
        .where(*of_kind)
        .order_by(secret.create_time.desc(), secret.digest)
        .offset(MAX_SECRETS - 1)
    )
    await tx.execute(
        sa.delete(application_secrets).where(
            *of_kind, sa.or_(secret.expire_time <= now, secret.digest.in_(oldest))
        )
    )


async def add_key(tx: AsyncConnection, key: ApiKey, digest: bytes) -> None:
    await tx.execute(
        sa.insert(api_keys).values(
            app_id=key.app_id,
            key_id=key.key_id,
            display_name=key.display_name,
            role=key.role,
            digest=digest,
            create_time=key.create_time,
        )
    )


async def list_keys(tx: AsyncConnection, app_id: UUID) -> list[ApiKey]:
    """All API keys of an application, the oldest first."""
    query = (
        sa.select(*KEY_COLUMNS)
        .where(api_keys.c.app_id == app_id)
        .order_by(api_keys.c.create_time, api_keys.c.key_id)
    )
    return [ApiKey(*row) for row in await tx.execute(query)]


async def count_keys(tx: AsyncConnection, app_id: UUID) -> int:
    query = sa.select(sa.func.count()).where(api_keys.c.app_id == app_id)
    return (await tx.execute(query)).scalar_one()


async def revoke_key(tx: AsyncConnection, app_id: UUID, key_id: str) -> None:
    """End an API key.

    Raises:
        ApiKeyNotFound: if there is none.
    """
    revoked = sa.delete(api_keys).where(api_keys.c.app_id == app_id, api_keys.c.key_id == key_id)
    if (await tx.execute(revoked)).rowcount == 0:
        raise ApiKeyNotFound(key_id)


async def find_keys(
    tx: AsyncConnection, wanted: Collection[tuple[UUID, str]]
) -> dict[tuple[UUID, str], tuple[Role, bytes]]:
    """The role and the digest of each of these API keys that exists."""
    asked = rows(
        "asked",
        app_id=(sa.Uuid(), [app_id for app_id, _ in wanted]),
        key_id=(sa.Text(), [key_id for _, key_id in wanted]),
    )
    query = sa.select(api_keys.c.app_id, api_keys.c.key_id, api_keys.c.role, api_keys.c.digest)
    joined = query.join_from(
        asked,
        api_keys,
        sa.and_(api_keys.c.app_id == asked.c.app_id, api_keys.c.key_id == asked.c.key_id),
    )
    return {(row.app_id, row.key_id): (row.role, row.digest) for row in await tx.execute(joined)}


def _is_any(column: sa.ColumnElement[UUID], app_ids: Collection[UUID]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.cast(list(app_ids), sa.ARRAY(sa.Uuid)))
