"""The three databases of a development house: each with its own role, schema up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

import services
from dev.postgres import Postgres, running
from dev.settings import Databases
from services.kit.database import migrate

ROOMS = ("registry", "targeting", "dispatch")
SETTINGS = {"max_connections": "250", "shared_buffers": "256MB", "max_wal_size": "2GB"}


@contextmanager
def embedded(folder: Path) -> Iterator[Postgres]:
    with running(folder, SETTINGS) as postgres:
        yield postgres


async def prepare(postgres: Postgres) -> Databases:
    """Create what is missing; what is there stays as it is."""
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        for room in ROOMS:
            await _ensure(connection, room)
    finally:
        await connection.close()
    return Databases(*(postgres.url(room, role=room) for room in ROOMS))


async def migrate_all(urls: Databases) -> None:
    """Bring each room's schema to its newest version."""
    rooms = Path(services.__file__).parent
    for room, url in urls.by_room().items():
        await migrate(url, rooms / room / "store" / "migrations")


async def _ensure(connection: asyncpg.Connection, room: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", room):
        await connection.execute(f"CREATE ROLE {room} LOGIN")
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", room):
        await connection.execute(f"CREATE DATABASE {room} OWNER {room}")
        await connection.execute(f"REVOKE CONNECT ON DATABASE {room} FROM PUBLIC")
