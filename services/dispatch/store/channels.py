"""Channels and channel groups: their owner's words about Android, kept whole."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.channels import Channel, ChannelGroup, Kept
from services.dispatch.store.tables import channel_groups, channels, is_any, walk
from services.kit.paging import Window

FOREIGN_KEY_MISSING = "23503"

_GROUPED = sa.outerjoin(
    channels,
    channel_groups,
    sa.and_(
        channel_groups.c.app_id == channels.c.app_id,
        channel_groups.c.group_id == channels.c.group_id,
    ),
)
COLUMNS = (
    channels.c.channel_id,
    channels.c.settings,
    channels.c.group_id,
    channel_groups.c.name.label("group_name"),
    channels.c.create_time,
    channels.c.update_time,
)
GROUP_COLUMNS = (
    channel_groups.c.group_id,
    channel_groups.c.name,
    channel_groups.c.create_time,
    channel_groups.c.update_time,
)


class GroupMissing(Exception):
    """A channel was to stand in a group that there is not."""


async def create(tx: AsyncConnection, app_id: UUID, channel: Channel, now: datetime) -> bool:
    """Whether the channel was created: False if its id is taken.

    Raises:
        GroupMissing: if there is no such group; the transaction is then of no more use.
    """
    statement = (
        pg.insert(channels)
        .values(
            app_id=app_id,
            channel_id=channel.channel_id,
            create_time=now,
            **_to_row(channel, now),
        )
        .on_conflict_do_nothing()
    )
    return await _write(tx, statement)


async def update(tx: AsyncConnection, app_id: UUID, channel: Channel, now: datetime) -> bool:
    """Whether the channel was there to be replaced.

    Raises:
        GroupMissing: as `create` does.
    """
    statement = (
        sa.update(channels)
        .where(channels.c.app_id == app_id, channels.c.channel_id == channel.channel_id)
        .values(_to_row(channel, now))
    )
    return await _write(tx, statement)


async def delete(tx: AsyncConnection, app_id: UUID, channel_id: str) -> bool:
    statement = sa.delete(channels).where(
        channels.c.app_id == app_id, channels.c.channel_id == channel_id
    )
    return (await tx.execute(statement)).rowcount == 1


async def find(
    tx: AsyncConnection, app_id: UUID, channel_ids: Sequence[str]
) -> dict[str, Kept[Channel]]:
    """Those of these channels that exist, each with its group, by their ids."""
    found = await tx.execute(
        sa.select(*COLUMNS)
        .select_from(_GROUPED)
        .where(channels.c.app_id == app_id, is_any(channels.c.channel_id, channel_ids))
    )
    return {row.channel_id: _from_row(row) for row in found}


async def page(
    tx: AsyncConnection, app_id: UUID, window: Window[tuple[str]]
) -> list[Kept[Channel]]:
    """Channels by their ids in the window's direction, up to its limit."""
    query = sa.select(*COLUMNS).select_from(_GROUPED).where(channels.c.app_id == app_id)
    return [_from_row(row) for row in await tx.execute(walk(query, channels.c.channel_id, window))]


async def create_group(
    tx: AsyncConnection, app_id: UUID, group: ChannelGroup, now: datetime
) -> bool:
    """Whether the group was created: False if its id is taken."""
    statement = (
        pg.insert(channel_groups)
        .values(
            app_id=app_id,
            group_id=group.group_id,
            name=group.name,
            create_time=now,
            update_time=now,
        )
        .on_conflict_do_nothing()
    )
    return (await tx.execute(statement)).rowcount == 1


async def update_group(
    tx: AsyncConnection, app_id: UUID, group: ChannelGroup, now: datetime
) -> bool:
    """Whether the group was there to be renamed."""
    statement = (
        sa.update(channel_groups)
        .where(channel_groups.c.app_id == app_id, channel_groups.c.group_id == group.group_id)
        .values(name=group.name, update_time=now)
    )
    return (await tx.execute(statement)).rowcount == 1


async def delete_group(tx: AsyncConnection, app_id: UUID, group_id: str) -> bool:
    """Whether there was such a group; its channels stay, without one."""
    statement = sa.delete(channel_groups).where(
        channel_groups.c.app_id == app_id, channel_groups.c.group_id == group_id
    )
    return (await tx.execute(statement)).rowcount == 1


async def find_group(tx: AsyncConnection, app_id: UUID, group_id: str) -> Kept[ChannelGroup] | None:
    found = await tx.execute(
        sa.select(*GROUP_COLUMNS).where(
            channel_groups.c.app_id == app_id, channel_groups.c.group_id == group_id
        )
    )
    row = found.one_or_none()
    return None if row is None else _group_from_row(row)


async def page_groups(
    tx: AsyncConnection, app_id: UUID, window: Window[tuple[str]]
) -> list[Kept[ChannelGroup]]:
    """Groups by their ids in the window's direction, up to its limit."""
    query = sa.select(*GROUP_COLUMNS).where(channel_groups.c.app_id == app_id)
    found = await tx.execute(walk(query, channel_groups.c.group_id, window))
    return [_group_from_row(row) for row in found]


async def count(tx: AsyncConnection, app_id: UUID, table: sa.Table) -> int:
    """How many rows of `table`, channels or groups, the application has."""
    statement = sa.select(sa.func.count()).select_from(table).where(table.c.app_id == app_id)
    return int((await tx.execute(statement)).scalar_one())


async def delete_all(tx: AsyncConnection, app_id: UUID) -> None:
    """Delete what an application has of both."""
    for table in (channels, channel_groups):
        await tx.execute(sa.delete(table).where(table.c.app_id == app_id))


async def _write(tx: AsyncConnection, statement: sa.Insert | sa.Update) -> bool:
    try:
        return (await tx.execute(statement)).rowcount == 1
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", "") != FOREIGN_KEY_MISSING:
            raise
        raise GroupMissing from error


def _to_row(channel: Channel, now: datetime) -> dict[str, Any]:
    settings = msgspec.to_builtins(replace(channel, group=None))
    return {
        "settings": settings,
        "group_id": channel.group.group_id if channel.group else None,
        "update_time": now,
    }


def _from_row(row: sa.Row[*tuple[Any, ...]]) -> Kept[Channel]:
    channel = msgspec.convert(row.settings, Channel)
    if row.group_id is not None:
        channel = replace(channel, group=ChannelGroup(row.group_id, row.group_name))
    return Kept(channel, row.create_time, row.update_time)


def _group_from_row(row: sa.Row[*tuple[Any, ...]]) -> Kept[ChannelGroup]:
    return Kept(ChannelGroup(row.group_id, row.name), row.create_time, row.update_time)
