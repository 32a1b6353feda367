"""The beat of the engines: a step again and again until the house ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from services.kit.database import is_outage
from services.targeting.domain.faults import RegistryUnavailable

log = structlog.get_logger()


async def repeat(
    engine: str, step: Callable[[], Awaitable[bool]], ending: asyncio.Event, seconds: float
) -> None:
    """Run `step` until `ending`: at once again when it answers True, else after so many seconds.

    An outage is waited out; any other failure is a bug, and ends the engine.
    """
    while not ending.is_set():
        if await _try(engine, step):
            continue
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), seconds)


async def _try(engine: str, step: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await step()
    except Exception as error:
        if not isinstance(error, RegistryUnavailable) and not is_outage(error):
            raise
        log.warning("engine.waits", engine=engine, error=type(error).__name__)
        return False
