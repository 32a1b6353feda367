"""Serving HTTP as part of a house: its end is ours to say, and no signal is uvicorn's."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from services.edge.protocol import Protocol
from services.kit.process import House

log = structlog.get_logger()

DRAIN_SECONDS = 10
KEEP_ALIVE_SECONDS = 65
BACKLOG = 2048


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield


async def serve(house: House, app: ASGIApp, listen: str) -> int:
    """Start serving `app` on `listen`; return the port.

    At the end no new connection is taken, and requests under way may finish.

    Raises:
        OSError: if the port is taken, with one sentence that says so.
    """
    listener = _listen(listen)
    server = Server(
        uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    serving = house.keep_running("http", server.serve([listener]))

    async def stop() -> None:
        server.should_exit = True
        await asyncio.wait([serving])

    house.push_async_callback(stop)
    port: int = listener.getsockname()[1]
    log.info("serving", port=port)
    return port


def _listen(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(BACKLOG)
    except (OSError, ValueError, OverflowError) as error:
        listener.close()
        raise OSError(f"Cannot listen on {listen}: {error}.") from error
    listener.settimeout(0)
    return listener
