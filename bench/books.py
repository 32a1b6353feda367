"""The databases of a house, as a benchmark looks into them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from bench.premises import Premises

LEDGER = """
    SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
    FROM pg_inherits WHERE inhparent = 'ledger'::regclass
"""
SENT = """
    SELECT coalesce(sum((kind ->> 2)::bigint), 0)::bigint
    FROM ledger, jsonb_array_elements(kinds) AS kind
    WHERE message_id = $1 AND (kind ->> 0)::int = 2
"""


class Books:
    def __init__(self, connections: dict[str, asyncpg.Connection]) -> None:
        self._of = connections

    @property
    def registry(self) -> asyncpg.Connection:
        return self._of["registry"]

    async def settle(self) -> None:
        """Let each run begin alike: with statistics, and with no checkpoint near."""
        for connection in self._of.values():
            await connection.execute("VACUUM ANALYZE", timeout=900)
        await self._of["postgres"].execute("CHECKPOINT", timeout=900)

    async def wal_position(self) -> int:
        position = "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        found: int = await self.registry.fetchval(f"SELECT {position}")
        return found

    async def ledger_size(self) -> int:
        found: int = await self._of["dispatch"].fetchval(LEDGER)
        return found

    async def duration(self, message_id: str) -> float | None:
        """Seconds from a message's acceptance to its end; None while it is under way."""
        end = "extract(epoch FROM end_time - create_time)::float"
        found: float | None = await self._of["dispatch"].fetchval(
            f"SELECT {end} FROM messages WHERE message_id = $1",  # noqa: S608  ours
            message_id,
        )
        return found

    async def sent(self, message_id: str) -> int:
        """To how many devices it was sent, by the ledger."""
        found: int = await self._of["dispatch"].fetchval(SENT, message_id)
        return found


@asynccontextmanager
async def open_books(premises: Premises) -> AsyncIterator[Books]:
    urls = premises.house.place.databases.by_room()
    urls["postgres"] = urls["registry"].replace("//registry@/registry", "//postgres@/postgres")
    async with AsyncExitStack() as opened:
        connections = {}
        for name, url in urls.items():
            connections[name] = await asyncpg.connect(url)
            opened.push_async_callback(connections[name].close)
        yield Books(connections)
