"""Lists as one parameter each, so that a statement is the same however long they are."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from services.targeting.domain.platforms import Platform
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
