"""Tags, by name."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.paging import Window
from services.kit.prepared import Prepared
from services.targeting.domain.tags import Tag, TextField, TextMatcher
from services.targeting.store import counts
from services.targeting.store.arrays import APP_ID, texts
from services.targeting.store.tables import removals, tags

COLUMNS = (tags.c.name, tags.c.description, tags.c.create_time, tags.c.update_time)
SEARCHED = {TextField.NAME: tags.c.name, TextField.DESCRIPTION: tags.c.description}

IDS = Prepared(
    sa.select(tags.c.name, tags.c.tag_id).where(
        tags.c.app_id == APP_ID,
        tags.c.name == sa.any_(sa.bindparam("names", type_=sa.ARRAY(sa.Text))),
    )
)


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
    window: Window[tuple[str]],
    *,
    counted: bool,
) -> list[Tag]:
    """Tags by name in the window's direction, up to its limit; `counted` with their subscribers."""
    statement = (
        sa.select(tags.c.tag_id, *COLUMNS)
        .where(tags.c.app_id == app_id, *map(_matches, matchers))
        .order_by(tags.c.name.desc() if window.backward else tags.c.name)
        .offset(window.skip)
        .limit(window.limit)
    )
    if window.position is not None:
        (name,) = window.position
        statement = statement.where(tags.c.name < name if window.backward else tags.c.name > name)
    rows = (await tx.execute(statement)).all()
    if not counted or not rows:
        return [_read(row) for row in rows]
    found = await counts.subscriptions_to(tx, app_id, [row.tag_id for row in rows])
    return [replace(_read(row), subscription_count=found[row.tag_id]) for row in rows]


async def ids_of(tx: AsyncConnection, app_id: UUID, names: Sequence[str]) -> dict[str, int]:
    """The numbers of these tags by name; names that are no tags are left out."""
    return dict(await IDS.fetch(tx, app_id=app_id, names=names))


async def ids_matching(
    tx: AsyncConnection, app_id: UUID, matchers: Sequence[TextMatcher], limit: int
) -> list[int]:
    """The numbers of at most `limit` tags that all of the matchers admit."""
    statement = (
        sa.select(tags.c.tag_id)
        .where(tags.c.app_id == app_id, *map(_matches, matchers))
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


def _read(row: Any) -> Tag:  # noqa: ANN401  a row
    return Tag(row.name, row.description, row.create_time, row.update_time)


def _read_one(row: Any) -> Tag | None:  # noqa: ANN401  likewise
    return None if row is None else _read(row)
