"""Tags, by name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from services.targeting.domain.tags import Tag, TextField, TextMatcher
from services.targeting.store.arrays import texts
from services.targeting.store.tables import removals, subscriptions, tags

MAX_TOTAL = 100_000

COLUMNS = (tags.c.name, tags.c.description, tags.c.create_time, tags.c.update_time)
SEARCHED = {TextField.NAME: tags.c.name, TextField.DESCRIPTION: tags.c.description}


async def create(
    tx: AsyncConnection, app_id: UUID, name: str, description: str, now: datetime
) -> Tag | None:
    """The new tag; None if the name is taken."""
    statement = (
        postgresql.insert(tags)
        .values(app_id=app_id, name=name, description=description, create_time=now, update_time=now)
        .on_conflict_do_nothing()
        .returning(*COLUMNS)
    )
    return _read_one((await tx.execute(statement)).one_or_none())


async def find(tx: AsyncConnection, app_id: UUID, name: str) -> Tag | None:
    statement = sa.select(*COLUMNS).where(tags.c.app_id == app_id, tags.c.name == name)
    return _read_one((await tx.execute(statement)).one_or_none())


async def describe(
    tx: AsyncConnection, app_id: UUID, name: str, description: str, now: datetime
) -> Tag | None:
    """The tag with its new description; None if there is none of this name."""
    statement = (
        sa.update(tags)
        .where(tags.c.app_id == app_id, tags.c.name == name)
        .values(description=description, update_time=now)
        .returning(*COLUMNS)
    )
    return _read_one((await tx.execute(statement)).one_or_none())


async def delete(tx: AsyncConnection, app_id: UUID, name: str, now: datetime) -> bool:
    """Delete the tag; its subscriptions mean nothing any more, and are cleared away later."""
    gone = (
        sa.delete(tags)
        .where(tags.c.app_id == app_id, tags.c.name == name)
        .returning(tags.c.app_id, tags.c.tag_id)
        .cte("gone")
    )
    return (await tx.execute(_note_removals(gone, now))).rowcount > 0


async def delete_all(tx: AsyncConnection, app_id: UUID, now: datetime) -> None:
    """Delete every tag of an application."""
    gone = (
        sa.delete(tags)
        .where(tags.c.app_id == app_id)
        .returning(tags.c.app_id, tags.c.tag_id)
        .cte("gone")
    )
    await tx.execute(_note_removals(gone, now))


async def page(
    tx: AsyncConnection,
    app_id: UUID,
    matchers: Sequence[TextMatcher],
    *,
    after: str,
    skip: int,
    limit: int,
    counted: bool,
) -> list[Tag]:
    """Tags by name, after `after`; `counted` with how many subscribe to each."""
    listed = (
        sa.select(tags.c.app_id, tags.c.tag_id, *COLUMNS)
        .where(tags.c.app_id == app_id, tags.c.name > after, *map(_matches, matchers))
        .order_by(tags.c.name)
        .offset(skip)
        .limit(limit)
        .subquery()
    )
    # Counted only on the page itself, after the limit.
    count: sa.ColumnElement[Any] = sa.cast(sa.null(), sa.BigInteger).label("subscribers")
    if counted:
        count = (
            sa.select(sa.func.count())
            .where(
                subscriptions.c.app_id == listed.c.app_id,
                subscriptions.c.tag_id == listed.c.tag_id,
            )
            .scalar_subquery()
            .label("subscribers")
        )
    fields = (listed.c[column.name] for column in COLUMNS)
    statement = sa.select(*fields, count).order_by(listed.c.name)
    return [_read(row) for row in await tx.execute(statement)]


async def count(tx: AsyncConnection, app_id: UUID, matchers: Sequence[TextMatcher]) -> int:
    """How many tags match; counting stops at MAX_TOTAL."""
    matching = (
        sa.select(sa.literal(1))
        .where(tags.c.app_id == app_id, *map(_matches, matchers))
        .limit(MAX_TOTAL)
        .subquery()
    )
    return (await tx.execute(sa.select(sa.func.count()).select_from(matching))).scalar_one()


async def ids_of(tx: AsyncConnection, app_id: UUID, names: Sequence[str]) -> dict[str, int]:
    """The numbers of these tags by name; names that are no tags are left out."""
    statement = sa.select(tags.c.name, tags.c.tag_id).where(
        tags.c.app_id == app_id, tags.c.name == sa.any_(texts(names))
    )
    return {row.name: row.tag_id for row in await tx.execute(statement)}


async def ids_containing(tx: AsyncConnection, app_id: UUID, part: str, limit: int) -> list[int]:
    """The numbers of at most `limit` tags whose name holds `part`."""
    statement = (
        sa.select(tags.c.tag_id)
        .where(tags.c.app_id == app_id, sa.func.strpos(tags.c.name, part) > 0)
        .limit(limit)
    )
    return list((await tx.execute(statement)).scalars())


def _matches(matcher: TextMatcher) -> sa.ColumnElement[bool]:
    column = SEARCHED[matcher.field]
    if not matcher.contains:
        return column == sa.any_(texts(matcher.values))
    return sa.or_(*(sa.func.strpos(column, value) > 0 for value in matcher.values))


def _note_removals(gone: sa.CTE, now: datetime) -> sa.Insert:
    return sa.insert(removals).from_select(
        ["app_id", "tag_id", "create_time"],
        sa.select(gone.c.app_id, gone.c.tag_id, sa.cast(now, sa.DateTime(timezone=True))),
    )


def _read(row: Any) -> Tag:  # noqa: ANN401  a row, whatever was selected with the tag
    count = row.subscribers if "subscribers" in row._fields else None
    return Tag(row.name, row.description, row.create_time, row.update_time, count)


def _read_one(row: Any) -> Tag | None:  # noqa: ANN401  likewise
    return None if row is None else _read(row)
