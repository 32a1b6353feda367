"""Values handed to a statement as a table of their own."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

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
