"""Every line that the rooms wrote, and a way to wait for one."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from dev.console import Console
from tests.house.waiting import LIMIT_SECONDS


class Transcript(Console):
    def __init__(self) -> None:
        super().__init__(colours=False)
        self.lines: list[tuple[str, str]] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, text: str = "") -> None:
        self._add("runner", text)

    def show(self, room: str, line: str) -> None:
        self._add(room, line)

    def events(self, **wanted: str) -> list[dict[str, Any]]:
        """The events whose fields have these values, oldest first."""
        found = [_read(line) for _, line in self.lines]
        return [each for each in found if all(each.get(k) == v for k, v in wanted.items())]

    async def wait_for(self, **wanted: str) -> dict[str, Any]:
        """The first event with these values, now or later."""
        async with asyncio.timeout(LIMIT_SECONDS), self._news:
            await self._news.wait_for(lambda: self.events(**wanted))
        return self.events(**wanted)[0]

    def quotes(self, texts: Iterable[str]) -> list[tuple[str, str]]:
        """The lines in which any of these texts stands."""
        whole = "\n".join(line for _, line in self.lines)
        found = [text for text in texts if text in whole]
        return [(room, line) for room, line in self.lines if any(t in line for t in found)]

    def last(self, count: int) -> str:
        return "\n".join(f"{room}: {line}" for room, line in self.lines[-count:])

    def _add(self, room: str, line: str) -> None:
        self.lines.append((room, line))
        task = asyncio.create_task(self._announce())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()


def _read(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
