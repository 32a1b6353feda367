"""Values handed to a statement as a table of their own."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.sql.elements import Grouping

DIALECT = pg.dialect()  # type: ignore[no-untyped-call]  # theirs


class Bare(sa.types.UserDefinedType[Any]):
    """A type whose values go to the driver as they are.

    SQLAlchemy would look at every item of an array, and that is most of the cost of a batch.
    """

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:  # noqa: ANN401  theirs
        return self.name


def owner_array(name: str) -> sa.ColumnElement[list[UUID]]:
    """The applications of a batch: each of its rows names its own by number, from 1."""
    array: sa.types.TypeEngine[Any] = sa.ARRAY(sa.Uuid)
    bound = sa.cast(sa.bindparam(name, type_=Bare("uuid[]")), Bare("uuid[]"))
    return Grouping(sa.type_coerce(bound, array))


def number_owners(app_ids: Iterable[UUID]) -> tuple[list[UUID], dict[int, int]]:
    """Each application once, and their numbers by their ids as integers.

    A number is less to send than an id, and to compare, and to be sent back.
    """
    owners = {app_id.int: app_id for app_id in app_ids}
    return list(owners.values()), {owner: number for number, owner in enumerate(owners, start=1)}


def rows(alias: str, /, **columns: tuple[Any, list[Any]]) -> sa.TableValuedAlias:
    """A table of these columns, each given as (type, values)."""
    arrays = [_array(kind, values) for kind, values in columns.values()]
    typed: list[sa.ColumnClause[Any]] = [
        sa.column(title, kind) for title, (kind, _) in columns.items()
    ]
    return sa.func.unnest(*arrays).table_valued(*typed).render_derived(name=alias)


def _array(kind: Any, values: list[Any]) -> sa.ColumnElement[Any]:  # noqa: ANN401  a type or its class
    if isinstance(kind, sa.types.TypeDecorator):
        return sa.cast(values, sa.ARRAY(kind))
    bare = Bare(f"{sa.types.to_instance(kind).compile(DIALECT)}[]")
    return sa.cast(sa.bindparam(None, values, type_=bare, unique=True), bare)
