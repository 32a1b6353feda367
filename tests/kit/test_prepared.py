"""Does a hot statement recover from a connection that PostgreSQL has ended?

It was believed that the driver says so by an error of its interface. Between the server's last word
and the end of the stream it speaks of an operation in progress, which ended the process.
"""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.database import is_outage
from services.kit.prepared import Prepared
from tests.house.waiting import until
from tests.postgres_line import Line, behind_a_line

ONE = Prepared(sa.text("SELECT 1 AS one"))


async def fetch(db: AsyncEngine) -> int:
    async with db.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        (row,) = await ONE.fetch(connection)
    one: int = row["one"]
    return one


async def said(line: Line) -> bytes:
    return line.last_word


async def test_it_is_an_outage_and_the_next_one_has_a_connection_of_its_own(
    dispatch_db: AsyncEngine, dispatch_url: str
) -> None:
    async with behind_a_line(dispatch_url) as (db, line):
        assert await fetch(db) == 1
        line.tells_end = False
        async with dispatch_db.connect() as other:
            ended = sa.text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert (await other.execute(ended)).scalar_one() == 1
        await until(lambda: said(line), lambda word: b"terminating connection" in word)
        # A round trip later the driver has read it too.
        await fetch(dispatch_db)
        with pytest.raises(Exception, match="in progress") as failed:
            await fetch(db)
        line.tells_end = True

        assert is_outage(failed.value)
        assert await fetch(db) == 1
