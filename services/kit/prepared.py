"""Hot statements: written in Core, compiled once, and run on the driver's prepared statements."""

from collections.abc import Mapping
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
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._written = {name: compiled.params[name] for name in self._names}

    async def fetch(self, tx: AsyncConnection, **values: object) -> list[asyncpg.Record]:
        """Run it on a connection that commits by itself, or in a transaction that has begun.

        A transaction begins with its first ordinary statement.
        """
        raw = await tx.get_raw_connection()
        driver: asyncpg.Connection = raw.driver_connection
        try:
            found: list[asyncpg.Record] = await driver.fetch(self.text, *self.bind(values))
        except BaseException as error:
            if driver.is_closed() or isinstance(error, asyncpg.InternalClientError):
                # The pool has not seen it, and would give it to whoever asks next.
                await tx.invalidate()
            raise
        return found

    def bind(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order of the text's parameters."""
        bound = {**self._written, **values}
        return [bound[name] for name in self._names]
