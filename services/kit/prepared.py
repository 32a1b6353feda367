"""Hot statements: written in Core, compiled once, and run on the driver's prepared statements."""

from collections.abc import Mapping
from typing import cast

import asyncpg
import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import SpanKind
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

tracer = trace.get_tracer("carillon.kit")


class Prepared:
    """One statement whose values are bound by name.

    What SQLAlchemy does anew for each execution, and for each row, is most of what a statement of
    hundreds of rows costs this process. The values and rows are the driver's own.
    """

    def __init__(self, statement: sa.sql.ClauseElement) -> None:
        dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # theirs
        compiled = cast(SQLCompiler, statement.compile(dialect=dialect))
        self.text = str(compiled)
        self._verb = self.text.split(maxsplit=1)[0]
        self._names = tuple(compiled.positiontup or ())
        self._written = {name: compiled.params[name] for name in self._names}

    async def fetch(self, tx: AsyncConnection, **values: object) -> list[asyncpg.Record]:
        """Run it on a connection that commits by itself, or in a transaction that has begun.

        A transaction begins with its first ordinary statement. Where statements are traced, so is
        this.
        """
        if not (trace.get_current_span().is_recording() and is_instrumentation_enabled()):
            return await self._fetch(tx, values)
        told = {"db.system": "postgresql", "db.statement": self.text}
        with tracer.start_as_current_span(self._verb, kind=SpanKind.CLIENT, attributes=told):
            return await self._fetch(tx, values)

    async def _fetch(
        self, tx: AsyncConnection, values: Mapping[str, object]
    ) -> list[asyncpg.Record]:
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
