"""How a room reaches its PostgreSQL: an engine, its migrations, and news by LISTEN and NOTIFY."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext import asyncio as sa_async
from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger()

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 30.0
RECONNECT_SECONDS = 0.5
RING_SECONDS = 0.003
OUTAGES = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    asyncpg.InterfaceError,
    # Of a connection that was told that the server ends, but not yet that it is closed.
    asyncpg.InternalClientError,
    OSError,
)
# SQLSTATE classes: connection lost, too many of them, the server is ending or starting.
OUTAGE_STATES = ("08", "53", "57P")
# Connections that a process opens as it needs them, and keeps.
POOL_SIZE = 20


def open_engine(
    url: str, *, pool_size: int = POOL_SIZE, keep_plans: bool = True, may_scan: bool = True
) -> AsyncEngine:
    """An engine on `url` (postgresql://…). Whoever opens it disposes of it.

    Without `keep_plans` each execution is planned anew. A plan made while a table was empty knows
    no index from another, and is kept until the table is analysed: for a minute in which a batch
    that looks up hundreds of rows in one of thousands may read it hundreds of times.

    Without `may_scan` no table is read from end to end where an index would do. Those of a queue
    are nearly empty when a plan is made that is kept, and full of rows, dead ones too, when it is
    used.
    """
    plans = "auto" if keep_plans else "force_custom_plan"
    scans = "on" if may_scan else "off"
    # Looked up late: tracing puts its own in this place.
    return sa_async.create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=pool_size,
        # One beyond would be closed as soon as it is given back. To open the next costs dozens of
        # statements: a process, its caches of the catalogue, and plans.
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        # A statement's parameters may be addresses: they must not reach an error's text.
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": STATEMENT_SECONDS,
            # Compiling a plan costs more than any of our statements.
            "server_settings": {"jit": "off", "plan_cache_mode": plans, "enable_seqscan": scans},
        },
    )


def is_outage(error: BaseException) -> bool:
    """Whether the database was away, rather than the statement wrong."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = str(getattr(getattr(error, "orig", error), "sqlstate", ""))
    return isinstance(error, OUTAGES) or state.startswith(OUTAGE_STATES)


async def migrate(url: str, migrations: Path) -> None:
    """Bring the schema to its newest version. Several at once wait for each other."""
    engine = open_engine(url, pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.execute(sa.text("SELECT pg_advisory_xact_lock(7271)"))
            await connection.execute(sa.text("SET LOCAL lock_timeout = '4s'"))
            await connection.run_sync(_upgrade, migrations)
    finally:
        await engine.dispose()


def _upgrade(connection: sa.Connection, migrations: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def listen(url: str, channel: str, ring: Callable[[], None]) -> None:
    """For ever, `ring` for each NOTIFY on `channel`, and after a reconnection: some were missed."""
    while True:
        try:
            await _listen_once(url, channel, ring)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("listen.lost", channel=channel, error=type(error).__name__)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen_once(url: str, channel: str, ring: Callable[[], None]) -> None:
    closed = asyncio.Event()
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    try:
        connection.add_termination_listener(lambda _: closed.set())
        await connection.add_listener(channel, lambda *_: ring())
        ring()
        await closed.wait()
    finally:
        connection.terminate()


class Ringer:
    """Sends NOTIFY after a commit: at once when idle, now and then when busy."""

    def __init__(
        self, engine: AsyncEngine, channel: str, pause_seconds: float = RING_SECONDS
    ) -> None:
        self._engine = engine
        self._pause_seconds = pause_seconds
        self._statement = sa.text(f"NOTIFY {channel}")
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send())

    async def close(self) -> None:
        if self._task is not None:
            await self._task

    async def _send(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                async with self._engine.connect() as connection:
                    autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await autocommit.execute(self._statement)
            except Exception as error:
                if not is_outage(error):
                    raise
                # The listeners poll; what this would have told them they find by themselves.
                log.warning("ring.lost", error=type(error).__name__)
            await asyncio.sleep(self._pause_seconds)
