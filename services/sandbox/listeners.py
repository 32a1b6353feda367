"""Sockets, and a web server on one of them that leaves signals to its house."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

from services.sandbox.settings import Listen

BACKLOG = 1024
GRACE_SECONDS = 3
HEALTH_TIMEOUT_SECONDS = 2.0


@contextmanager
def bound(listen: Listen) -> Iterator[socket.socket]:
    """A listening socket; an OSError that names the address if it cannot be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        listener = socket.create_server((listen.host, listen.port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise OSError(f"Cannot listen on {listen.host}:{listen.port}: {why}.") from None
    with listener:
        listener.setblocking(False)  # noqa: FBT003  the socket API
        yield listener


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(application: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    """Serve plain HTTP until leaving. Requests wait in the backlog until the server is up."""
    server = _Server(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="api listener")
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def answers(listener: socket.socket, tls: ssl.SSLContext) -> bool:
    """Whether a TLS handshake with the listener ends well within two seconds."""
    host, port = listener.getsockname()[:2]
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(HEALTH_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(
                host, port, ssl=tls, server_hostname="localhost"
            )
            writer.transport.abort()
            return True
    return False
