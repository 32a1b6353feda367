"""A web site on this machine: what its page subscribes to, and what its worker receives.

One server is the site, and beside it whatever routes a push service brings.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).parent
LIMIT_SECONDS = 40.0


class Site:
    """What the browser told the site, in the order in which it did."""

    def __init__(self, server_key: str, routes: Sequence[BaseRoute]) -> None:
        self._server_key = server_key
        self._told: dict[str, asyncio.Queue[Any]] = {
            "subscribed": asyncio.Queue(),
            "received": asyncio.Queue(),
            "failed": asyncio.Queue(),
        }
        self.port = 0
        # Stands for the host of every endpoint, if a browser knows only the real one.
        self.stands_for_host = False
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/worker.js", self._worker),
                Route("/key", self._key),
                Route("/tell/{what}", self._tell, methods=["POST"]),
                *routes,
            ]
        )

    @property
    def url(self) -> str:
        """Of the page. The name `localhost` counts as a secure context."""
        return f"http://localhost:{self.port}/"

    async def subscribed(self) -> Any:
        """The subscription of the page, as the browser writes it."""
        subscription = await self._wait("subscribed")
        if self.stands_for_host:
            subscription["endpoint"] = self.url[:-1] + urlsplit(subscription["endpoint"]).path
        return subscription

    async def received(self) -> Any:
        """What the worker was pushed next, decrypted by the browser."""
        return await self._wait("received")

    async def _wait(self, what: str) -> Any:
        answer = asyncio.create_task(self._told[what].get())
        failure = asyncio.create_task(self._told["failed"].get())
        done, waiting = await asyncio.wait(
            (answer, failure), timeout=LIMIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for task in waiting:
            task.cancel()
        if failure in done:
            raise AssertionError(f"the page says: {failure.result()}")
        if answer not in done:
            raise TimeoutError(f"nothing was {what} within {LIMIT_SECONDS:.0f} s")
        return answer.result()

    async def _page(self, _: Request) -> Response:
        return FileResponse(FOLDER / "page.html")

    async def _worker(self, _: Request) -> Response:
        return FileResponse(FOLDER / "worker.js", media_type="text/javascript")

    async def _key(self, _: Request) -> Response:
        return Response(self._server_key, media_type="text/plain")

    async def _tell(self, request: Request) -> Response:
        self._told[request.path_params["what"]].put_nowait(await request.json())
        return Response(status_code=204)


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[None]:
    config = uvicorn.Config(site.app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    config.load()
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    site.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        with suppress(asyncio.CancelledError):
            await running
