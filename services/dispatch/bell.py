"""How engines wait: for a ring, or for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from services.kit.database import is_outage

log = structlog.get_logger()

OUTAGE_SECONDS = 0.5


class Bell:
    """Rings that come while nobody waits are heard by who waits next."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()


async def work(
    name: str, step: Callable[[], Awaitable[bool]], bell: Bell, poll_seconds: float
) -> None:
    """Take steps for ever: at once while there is work, else at a ring or after a while.

    `step` returns whether there may be more. While the database is away, it is tried again.
    """
    while True:
        try:
            busy = await step()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("store.away", engine=name, error=type(error).__name__)
            await asyncio.sleep(OUTAGE_SECONDS)
            continue
        if not busy:
            await bell.wait(poll_seconds)
