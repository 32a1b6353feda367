"""What dispatch writes to disk: its whole database, and the log that is written before it."""

from dataclasses import dataclass

import asyncpg

# Folded counts, finished parcels and whatever else is dead is given back before it is weighed.
SIZE = "SELECT pg_database_size(current_database())"
WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes: of all tables and indexes, and of the log since the server was made."""

    stored: int
    logged: int

    def since(self, before: "Weight") -> "Weight":
        return Weight(self.stored - before.stored, self.logged - before.logged)


async def weigh(database_url: str) -> Weight:
    connection = await asyncpg.connect(database_url)
    try:
        logged: int = await connection.fetchval(WRITTEN)
        await connection.execute("VACUUM")
        return Weight(await connection.fetchval(SIZE), logged)
    finally:
        await connection.close()
