"""Applications as they stand in the book."""

from collections.abc import Sequence
from dataclasses import asdict, astuple
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.application import Application, ApplicationUpdate
from services.registry.domain.change import ChangeKind
from services.registry.domain.faults import ApplicationExists, ApplicationNotFound
from services.registry.store.tables import (
    api_keys,
    application_secrets,
    applications,
    changes,
    gateway_configurations,
    vapid_keys,
)

COLUMNS = (
    applications.c.app_id,
    applications.c.display_name,
    applications.c.enabled,
    applications.c.create_time,
    applications.c.update_time,
    applications.c.old_style,
    applications.c.verify_client_secret,
    applications.c.clients_list_devices,
    applications.c.web_sites_only,
)
IS_ALIVE = applications.c.delete_time.is_(None)


def is_known(app_id: UUID | sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """A condition for statements that find nothing in an application that is gone."""
    return sa.exists().where(applications.c.app_id == app_id, IS_ALIVE)


async def create(tx: AsyncConnection, application: Application) -> None:
    """Write a new application.

    Raises:
        ApplicationExists: if its id is taken, or was by one that is deleted.
    """
    written = (
        insert(applications)
        .values(dict(zip((c.name for c in COLUMNS), astuple(application), strict=True)))
        .on_conflict_do_nothing()
        .returning(applications.c.app_id)
    )
    if (await tx.execute(written)).first() is None:
        raise ApplicationExists(application.app_id)


async def find(tx: AsyncConnection, app_id: UUID) -> Application:
    """Read one application.

    Raises:
        ApplicationNotFound: if there is none.
    """
    query = sa.select(*COLUMNS).where(applications.c.app_id == app_id, IS_ALIVE)
    row = (await tx.execute(query)).first()
    if row is None:
        raise ApplicationNotFound(app_id)
    return Application(*row)


async def page(tx: AsyncConnection, after: UUID | None, size: int) -> list[Application]:
    query = sa.select(*COLUMNS).where(IS_ALIVE).order_by(applications.c.app_id).limit(size)
    if after is not None:
        query = query.where(applications.c.app_id > after)
    return [Application(*row) for row in await tx.execute(query)]


async def hold(tx: AsyncConnection, app_ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
    """Those of these applications that exist, kept from deletion until the transaction ends.

    With each goes until when its devices are watched.
    """
    query = (
        sa.select(applications.c.app_id, applications.c.watch_end_time)
        .where(applications.c.app_id == sa.any_(sa.cast(app_ids, sa.ARRAY(sa.Uuid))), IS_ALIVE)
        .order_by(applications.c.app_id)
        .with_for_update(read=True, key_share=True)
    )
    return {row.app_id: row.watch_end_time for row in await tx.execute(query)}


async def update(
    tx: AsyncConnection, app_id: UUID, changed: ApplicationUpdate, now: datetime
) -> Application:
    """Change what is named.

    Raises:
        ApplicationNotFound: if there is none.
    """
    values = {name: value for name, value in asdict(changed).items() if value is not None}
    statement = (
        sa.update(applications)
        .where(applications.c.app_id == app_id, IS_ALIVE)
        .values(**values, update_time=now, access_version=applications.c.access_version + 1)
        .returning(*COLUMNS)
    )
    row = (await tx.execute(statement)).first()
    if row is None:
        raise ApplicationNotFound(app_id)
    return Application(*row)


async def delete(tx: AsyncConnection, app_id: UUID, now: datetime) -> None:
    """End an application: it and its secrets at once; its devices are swept up afterwards.

    Raises:
        ApplicationNotFound: if there is none.
    """
    # The strong lock waits for registrations that hold the application, and ends them after.
    held = sa.select(applications.c.app_id).where(applications.c.app_id == app_id, IS_ALIVE)
    if (await tx.execute(held.with_for_update())).first() is None:
        raise ApplicationNotFound(app_id)
    for table in (api_keys, application_secrets, gateway_configurations, vapid_keys):
        await tx.execute(sa.delete(table).where(table.c.app_id == app_id))
    gone = sa.update(applications).where(applications.c.app_id == app_id)
    await tx.execute(gone.values(delete_time=now, update_time=now, display_name=""))
    told = sa.insert(changes).inline()
    kind = ChangeKind.APPLICATION_DELETED
    await tx.execute(told.values(app_id=app_id, kind=kind, create_time=now))
