"""Starts rooms as processes of their own, waits until each answers, and ends them in order."""

import asyncio
import signal
import socket
from contextlib import suppress
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from dev.console import Console
from dev.rooms import LOOPBACK, Room

START_SECONDS = 30.0
ASK_SECONDS = 0.1
END_SECONDS = 30.0
MAX_LINE = 1024 * 1024


class NotStarted(Exception):
    """One sentence that says what to do."""


def check_ports(ports: dict[str, int]) -> None:
    """Raise NotStarted for the first port that somebody else has."""
    for variable, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                raise NotStarted(
                    f"Port {port} cannot be used ({error.strerror}); "
                    f"choose another: make run {variable}={port + 1000}."
                ) from None


class Processes:
    """The running rooms. `ended` is set when one of them ends by itself."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: list[tuple[Room, asyncio.subprocess.Process]] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self._closing = False
        self.ended = asyncio.Event()

    async def start(self, room: Room) -> None:
        """Start a room and wait until it answers."""
        process = await asyncio.create_subprocess_exec(
            *room.command,
            env=room.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=MAX_LINE,
            # Ctrl-C is for us: we end the rooms in order.
            start_new_session=True,
        )
        self._running.append((room, process))
        watcher = asyncio.create_task(self._watch(room, process))
        self._watchers.add(watcher)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await _answers(room):
                    if process.returncode is not None:
                        raise NotStarted(f"{room.name} did not start; its last lines say why.")
                    await asyncio.sleep(ASK_SECONDS)
        except TimeoutError:
            raise NotStarted(f"{room.name} did not answer within {START_SECONDS:.0f} s.") from None

    def pids(self) -> dict[str, int]:
        """The process of each room that was started."""
        return {room.name: process.pid for room, process in self._running}

    async def close(self) -> None:
        """End the rooms in reverse order, each before the one it calls."""
        self._closing = True
        for _, process in reversed(self._running):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
        await asyncio.gather(*self._watchers)

    async def _watch(self, room: Room, process: asyncio.subprocess.Process) -> None:
        stream = process.stdout
        while stream is not None and (line := await stream.readline()):
            self._console.show(room.name, line.decode(errors="replace").rstrip())
        status = await process.wait()
        if not self._closing:
            self._console.say(f"{room.name} ended by itself with status {status}.")
            self.ended.set()


async def _answers(room: Room) -> bool:
    if room.http:
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(room.http)).is_success
        return False
    if room.grpc:
        with suppress(grpc.aio.AioRpcError):
            async with grpc.aio.insecure_channel(room.grpc) as channel:
                stub: Any = health_pb2_grpc.HealthStub(channel)  # typed for the synchronous API
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
        return False
    return True
