"""A line to PostgreSQL that breaks when a test wants it to."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.database import open_engine

SOCKET = ".s.PGSQL.5432"


class Line:
    """Between a client and PostgreSQL; it loses one answer on demand, with the connection."""

    def __init__(self, far: str) -> None:
        self._far = far
        self._closing = asyncio.Event()
        self.loses_next = b""
        self.lost = 0
        # What PostgreSQL said last.
        self.last_word = b""
        # Whether the client learns that the connection has ended.
        self.tells_end = True

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._far)
        forth = asyncio.create_task(self._pass(reader, far_writer))
        try:
            while data := await far_reader.read(65_536):
                if self.loses_next and self.loses_next in data:
                    self.loses_next = b""
                    self.lost += 1
                    break
                writer.write(data)
                self.last_word = data
            if not self.tells_end:
                await self._closing.wait()
        finally:
            forth.cancel()
            far_writer.close()
            writer.close()

    def close(self) -> None:
        self._closing.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)


@asynccontextmanager
async def behind_a_line(url: str) -> AsyncIterator[tuple[AsyncEngine, Line]]:
    """An engine of one connection on the database at `url`."""
    host = parse_qs(urlsplit(url).query)["host"][0]
    line = Line(f"{host}/{SOCKET}")
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.start_unix_server(line.take, Path(folder) / SOCKET)
        engine = open_engine(f"{url.partition('?')[0]}?host={quote(folder)}", pool_size=1)
        try:
            yield engine, line
        finally:
            line.close()
            await engine.dispose()
            server.close()
