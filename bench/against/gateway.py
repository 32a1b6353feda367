"""nginx as APNs, which notes whom it was asked for: who was not reached is lost."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.against.task import ADDRESS, FIRST, PHONES, Broadcast
from bench.nginx import serve
from services.sandbox import certificates

# nginx writes its notes half a second late at most.
QUIET_SECONDS = 2.0
LIMIT_SECONDS = 600.0
LOOK_SECONDS = 0.05


class Gateway:
    def __init__(self, port: int, ca_file: Path, log: Path) -> None:
        self.port = port
        self.ca_file = ca_file
        self._log = log

    async def watch(self, send: Callable[[], Awaitable[None]]) -> Broadcast:
        """Send, which returns when the sender says that it is done, and see what came."""
        noted, began = self._log.stat().st_size, time.monotonic()
        async with asyncio.timeout(LIMIT_SECONDS):
            await send()
            done = time.monotonic()
            last = await self._last_request()
        with self._log.open("rb") as log:
            log.seek(noted)
            asked = Counter(log.read().split())
        expected = Counter(f"/3/device/{ADDRESS}{FIRST + n}".encode() for n in range(PHONES))
        lost, repeated = (sum(each.values()) for each in (expected - asked, asked - expected))
        return Broadcast(max(last, done) - began, lost, repeated)

    async def _last_request(self) -> float:
        """When the last request came, by the monotonic clock, once none has for a while."""
        size, since = self._log.stat().st_size, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            if (now := self._log.stat().st_size) != size:
                size, since = now, time.monotonic()
        return since


@contextmanager
def standing(folder: Path, authority: Path) -> Iterator[Gateway]:
    """Its certificate is by the authority kept in that folder, which is made if it is not there."""
    authority.mkdir(parents=True)
    issued = certificates.obtain(authority, "localhost", datetime.now(UTC))
    log = folder / "asked.log"
    with serve(folder, issued, log=log) as port:
        yield Gateway(port, issued.ca_file, log)
