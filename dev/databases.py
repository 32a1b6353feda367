"""The three databases of a development house: each with its own role, schema up to date."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

import services
from dev.postgres import Postgres, running
from dev.settings import Databases
from services.kit.database import migrate

ROOMS = ("registry", "targeting", "dispatch")
ROOMS_FOLDER = Path(services.__file__).parent
# A million devices with their indexes are half a gigabyte, and read again and again.
SETTINGS = {"max_connections": "250", "shared_buffers": "1GB", "max_wal_size": "2GB"}


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
    for room, url in urls.by_room().items():
        await migrate(url, ROOMS_FOLDER / room / "store" / "migrations")


class SchemaChanged(Exception):
    """The kept databases were made by another version of the migrations; says what to do."""


def check_schema(state: Path) -> None:
    """Refuse databases that other migrations made: until the first release those change in place.

    Raises:
        SchemaChanged: if this state's databases have another schema.
    """
    note, digest = state / "schema", _digest_migrations()
    if (state / "postgres").exists() and note.exists() and note.read_text() != digest:
        raise SchemaChanged(
            f"The databases in {state} have the schema of another version. "
            f"To begin anew, losing what they hold: rm -r {state}"
        )
    note.write_text(digest)


def _digest_migrations() -> str:
    digest = hashlib.sha256()
    for path in sorted(ROOMS_FOLDER.glob("*/store/migrations/versions/*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


async def _ensure(connection: asyncpg.Connection, room: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", room):
        await connection.execute(f"CREATE ROLE {room} LOGIN")
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", room):
        await connection.execute(f"CREATE DATABASE {room} OWNER {room}")
        await connection.execute(f"REVOKE CONNECT ON DATABASE {room} FROM PUBLIC")
