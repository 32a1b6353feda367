"""Lists as one parameter each, so that a statement is the same however long they are."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from services.targeting.domain.platforms import Platform
from services.targeting.domain.slices import Slice
from services.targeting.store.tables import PLATFORM_NUMBERS


def numbers(values: Collection[int]) -> sa.Cast[Any]:
    return sa.cast(list(values), sa.ARRAY(sa.BigInteger))


def texts(values: Iterable[str]) -> sa.Cast[Any]:
    return sa.cast(list(values), sa.ARRAY(sa.Text))


def guids(values: Iterable[UUID]) -> sa.Cast[Any]:
    return sa.cast(list(values), sa.ARRAY(sa.Uuid))


def platform_numbers(platforms: Iterable[Platform]) -> sa.Cast[Any]:
    return sa.cast([PLATFORM_NUMBERS[p] for p in platforms], sa.ARRAY(sa.SmallInteger))


def as_rows(name: str, **columns: sa.Cast[Any]) -> sa.TableValuedAlias:
    """The arrays side by side as a table `name` with these columns."""
    typed = [sa.column(column, _item_type(array)) for column, array in columns.items()]
    return sa.func.unnest(*columns.values()).table_valued(*typed, name=name).render_derived()


def _item_type(array: sa.Cast[Any]) -> TypeEngine[Any]:
    item: TypeEngine[Any] = array.type.item_type  # type: ignore[attr-defined]  # all are arrays
    return item


APP_ID = sa.bindparam("app_id", type_=sa.Uuid)
MOST = sa.bindparam("most", type_=sa.BigInteger)


def bound_numbers(name: str) -> sa.BindParameter[Any]:
    """Numbers that a prepared statement is given under a name."""
    return sa.bindparam(name, type_=sa.ARRAY(sa.BigInteger))


def stretches() -> sa.TableValuedAlias:
    """The stretches that a prepared statement is given, as rows with their places from 1."""
    return (
        sa.func.unnest(bound_numbers("after_uids"), bound_numbers("through_uids"))
        .table_valued(
            sa.column("after_uid", sa.BigInteger),
            sa.column("through_uid", sa.BigInteger),
            with_ordinality="place",
        )
        .render_derived(name="stretch")
    )


def bounds_of(pieces: Sequence[Slice]) -> dict[str, list[int]]:
    return {
        "after_uids": [piece.after_uid for piece in pieces],
        "through_uids": [piece.through_uid for piece in pieces],
    }


def listed(stretch: sa.TableValuedAlias, held: sa.FromClause) -> sa.Select[Any]:
    """The uids that each stretch holds, in their order: one list, since each row has its cost."""
    lists = (
        sa.select(sa.func.array_agg(held.c.uid).label("uids")).correlate(stretch).lateral("listed")
    )
    return sa.select(stretch.c.place, lists.c.uids).select_from(stretch.join(lists, sa.true()))


def by_place(rows: Iterable[tuple[int, list[int] | None]], count: int) -> list[list[int]]:
    """The lists by the places of their stretches; there is none where nobody is."""
    found: list[list[int]] = [[] for _ in range(count)]
    for place, uids in rows:
        if uids:
            found[place - 1] = uids
    return found
