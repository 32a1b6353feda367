"""The client of the registration benchmark: a process of its own that keeps connections busy.

`python -m bench.load` reads what to do as JSON from its standard input, does it, and writes what
it saw as JSON to its standard output.
"""

import asyncio
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import msgspec
import uvloop

from bench.connection import Connection, compose


class Task(msgspec.Struct):
    """Requests to ask for some seconds over so many connections. `devices`: register new ones."""

    host: str
    port: int
    path: str
    headers: dict[str, str]
    connections: int
    seconds: float
    devices: bool


class Seen(msgspec.Struct):
    statuses: dict[int, int]
    # Seconds from the first request to the last answer.
    seconds: float
    # Of each answer.
    waits: list[float]
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds


async def work(task: Task) -> Seen:
    connections = [await Connection.open(task.host, task.port) for _ in range(task.connections)]
    statuses: Counter[int] = Counter()
    waits: list[float] = []
    requests = _register(task) if task.devices else _repeat(task)
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(
        *(
            _keep_busy(connection, requests, began + task.seconds, statuses, waits.append)
            for connection in connections
        )
    )
    seen = Seen(dict(statuses), time.perf_counter() - began, waits, time.process_time() - cpu)
    for connection in connections:
        connection.close()
    return seen


async def _keep_busy(
    connection: Connection,
    requests: Iterator[bytes],
    end: float,
    statuses: Counter[int],
    note: Callable[[float], None],
) -> None:
    while (asked := time.perf_counter()) < end:
        reply = await connection.ask(next(requests))
        note(time.perf_counter() - asked)
        statuses[reply.status] += 1


def _repeat(task: Task) -> Iterator[bytes]:
    request = compose("GET", task.path, task.headers)
    while True:
        yield request


def _register(task: Task) -> Iterator[bytes]:
    """Devices never seen before, with addresses as long as Google's."""
    run, address = secrets.token_hex(4), secrets.token_urlsafe(110)
    for number in count():
        body = (
            f'{{"deviceId":"{run}-{number}","platform":"G","userId":"user-{number % 1000}",'
            f'"token":"{run}{number}:{address}"}}'
        )
        yield compose("POST", task.path, task.headers, body.encode())


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    seen = uvloop.run(work(task))
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
