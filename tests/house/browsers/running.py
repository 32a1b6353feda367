"""A browser as a process of its own, ended with the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

END_SECONDS = 10


@asynccontextmanager
async def running(*command: str, home: Path) -> AsyncIterator[None]:
    browser = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    try:
        yield
    finally:
        browser.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await browser.wait()
        except TimeoutError:
            browser.kill()
            await browser.wait()
