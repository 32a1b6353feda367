"""Fixtures that several rooms' tests share."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from dev.postgres import Postgres, running
from services.kit import database
from tests import databases
from tests.placement import Placement

DATA = Path(__file__).parent.parent / ".carillon" / "test-postgres"
# A test database need not survive the machine's power cut.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
}
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Placement:
    return Placement(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The real PostgreSQL that all tests share."""
    with running(DATA, FAST) as server:
        yield server


@pytest.fixture
async def registry_url(postgres: Postgres) -> AsyncIterator[str]:
    async with databases.fresh(postgres, "registry") as url:
        yield url


@pytest.fixture
async def registry_db(registry_url: str) -> AsyncIterator[AsyncEngine]:
    engine = database.open_engine(registry_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def targeting_url(postgres: Postgres) -> AsyncIterator[str]:
    async with databases.fresh(postgres, "targeting") as url:
        yield url


@pytest.fixture
async def targeting_db(targeting_url: str) -> AsyncIterator[AsyncEngine]:
    engine = database.open_engine(targeting_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def dispatch_url(postgres: Postgres) -> AsyncIterator[str]:
    async with databases.fresh(postgres, "dispatch") as url:
        yield url


@pytest.fixture
async def dispatch_db(dispatch_url: str) -> AsyncIterator[AsyncEngine]:
    engine = database.open_engine(dispatch_url)
    yield engine
    await engine.dispose()
