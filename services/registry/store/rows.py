"""Values handed to a statement as a table of their own."""

from typing import Any

import sqlalchemy as sa


def rows(alias: str, /, **columns: tuple[Any, list[Any]]) -> sa.TableValuedAlias:
    """A table of these columns, each given as (type, values)."""
    arrays = [sa.cast(values, sa.ARRAY(kind)) for kind, values in columns.values()]
    typed: list[sa.ColumnClause[Any]] = [
        sa.column(title, kind) for title, (kind, _) in columns.items()
    ]
    return sa.func.unnest(*arrays).table_valued(*typed).render_derived(name=alias)
