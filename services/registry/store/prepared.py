"""Hot statements: written in Core, compiled once, and run on the driver's prepared statements."""

from typing import cast

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler


class Prepared:
    """One statement whose values are bound by name.

    What SQLAlchemy does anew for each execution, and for each row, is most of what a statement of
    hundreds of rows costs this process. The values and rows are the driver's own.
    """

    def __init__(self, statement: sa.sql.ClauseElement) -> None:
        dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # theirs
        compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
        self._text = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._written = {name: compiled.params[name] for name in self._names}

    async def fetch(self, tx: AsyncConnection, **values: object) -> list[asyncpg.Record]:
        """Run it within `tx`, which must have begun by an ordinary statement."""
        raw = await tx.get_raw_connection()
        driver: asyncpg.Connection = raw.driver_connection
        bound = self._written | values
        found: list[asyncpg.Record] = await driver.fetch(
            self._text, *(bound[name] for name in self._names)
        )
        return found
