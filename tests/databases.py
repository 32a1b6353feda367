"""Databases for tests: cloned from a migrated template, so that each test has one of its own."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg

from dev.postgres import Postgres
from services.kit import database

ROOMS = Path(__file__).parent.parent / "services"
TEMPLATE_LOCK = 7270


@asynccontextmanager
async def fresh(postgres: Postgres, room: str) -> AsyncIterator[str]:
    """The URL of a new database with the schema of `room`, dropped at the end."""
    template = await _ensure_template(postgres, room)
    name = f"test_{room}_{uuid4().hex}"
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield postgres.url(name)
    finally:
        await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _ensure_template(postgres: Postgres, room: str) -> str:
    """The template's name holds a fingerprint of the migrations: a changed schema is a new one."""
    migrations = ROOMS / room / "store" / "migrations"
    files = sorted(migrations.rglob("*.py"))
    fingerprint = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    name = f"template_{room}_{fingerprint}"
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", TEMPLATE_LOCK)
        exists = "SELECT 1 FROM pg_database WHERE datname = $1"
        if not await connection.fetchval(exists, name):
            await connection.execute(f"DROP DATABASE IF EXISTS making_{name}")
            await connection.execute(f"CREATE DATABASE making_{name}")
            await database.migrate(postgres.url(f"making_{name}"), migrations)
            await connection.execute(f"ALTER DATABASE making_{name} RENAME TO {name}")
    finally:
        await connection.close()
    return name


async def _execute(postgres: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
