"""A house of one's own for tests and benchmarks: free ports, a folder, every room a process."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

from dev import databases
from dev.console import Console
from dev.keys import Keys, load_keys
from dev.postgres import running
from dev.processes import NotStarted, Processes
from dev.rooms import LOOPBACK, Room, describe
from dev.settings import Databases, Ports

# The senders read the sandbox's certificate when they start, and most rooms ask registry at once.
FIRST = ("sandbox", "registry")
# Below those that outgoing connections take.
PORT_RANGE = (15_000, 32_000)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a house stands and what it was built from."""

    folder: Path
    ports: Ports
    databases: Databases
    keys: Keys

    @property
    def edge(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.edge_port}"

    @property
    def sandbox(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.sandbox_port}"

    @property
    def dispatch(self) -> str:
        return f"{LOOPBACK}:{self.ports.dispatch_port}"

    @property
    def postgres_folder(self) -> Path:
        return self.folder / "postgres"


class House:
    """The rooms of one place; each can be stopped, killed and started on its own."""

    def __init__(self, place: Place, rooms: Sequence[Room], console: Console) -> None:
        self.place = place
        self._console = console
        self._rooms = {room.name: room for room in rooms}
        self._running: dict[str, Processes] = {}

    async def start(self) -> None:
        """Start every room and wait until all answer.

        Raises:
            NotStarted: if one does not.
        """
        await self._start_all(FIRST)
        await self._start_all([name for name in self._rooms if name not in FIRST])

    async def _start_all(self, names: Iterable[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self.start_room(name))

    async def start_room(self, name: str) -> None:
        self._running[name] = processes = Processes(self._console)
        await processes.start(self._rooms[name])

    async def double_room(self, name: str, double: str) -> None:
        """Start one more process of a room that is told the same, by a name of its own."""
        self._rooms[double] = replace(self._rooms[name], name=double)
        await self.start_room(double)

    async def restart_room(self, name: str, told: Mapping[str, str]) -> None:
        """From now on it is `told` these variables, too."""
        await self.stop_room(name)
        room = self._rooms[name]
        self._rooms[name] = replace(room, environment={**room.environment, **told})
        await self.start_room(name)

    async def stop_room(self, name: str) -> None:
        await self._running.pop(name).close()

    async def kill_room(self, name: str) -> None:
        """End a room as the kernel would for want of memory: it learns nothing of it."""
        processes = self._running.pop(name)
        os.kill(processes.pids()[name], signal.SIGKILL)
        await processes.ended.wait()
        await processes.close()

    async def close(self) -> None:
        """End the rooms in reverse order, each before the one it calls."""
        for name in reversed(list(self._rooms)):
            if name in self._running:
                await self.stop_room(name)

    @property
    def ended_rooms(self) -> list[str]:
        """Rooms that ended by themselves."""
        return [name for name, room in self._running.items() if room.ended.is_set()]

    def pids(self) -> dict[str, int]:
        """The process of each room that runs."""
        return {name: pid for room in self._running.values() for name, pid in room.pids().items()}


@asynccontextmanager
async def open_house(
    folder: Path,
    console: Console,
    *,
    told: Mapping[str, str],
    postgres_settings: Mapping[str, str] = databases.SETTINGS,
) -> AsyncIterator[House]:
    """A running house whose every trace is in `folder`. Each room is `told` these variables too.

    Raises:
        NotStarted: if a room does not start.
        PostgresNotStarted: if the database does not.
    """
    with ExitStack() as opened:
        postgres = opened.enter_context(running(folder / "postgres", postgres_settings))
        urls = await databases.prepare(postgres)
        await databases.migrate_all(urls)
        place = Place(folder, free_ports(), urls, load_keys(folder))
        rooms = [
            replace(room, environment={**room.environment, **told})
            for room in describe(place.ports, urls, place.keys, folder)
        ]
        house = House(place, rooms, console)
        try:
            await _start(house)
            yield house
        finally:
            await house.close()


async def _start(house: House) -> None:
    try:
        await house.start()
    except* NotStarted as several:
        raise several.exceptions[0] from None


def free_ports() -> Ports:
    """Ports that nobody has at this moment, and that the system gives to nobody by itself."""
    with ExitStack() as held:
        return Ports(*(_hold_port(held) for _ in fields(Ports)))


def _hold_port(held: ExitStack) -> int:
    while True:
        port = random.randrange(*PORT_RANGE)  # noqa: S311  guards nothing
        probe = held.enter_context(socket.socket())
        with suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
