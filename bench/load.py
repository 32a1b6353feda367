"""The client of the REST benchmark: a process of its own that keeps connections busy.

`python -m bench.load` reads what to do as JSON from its standard input, does it, and writes what
it saw as JSON to its standard output.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import msgspec
import uvloop

from bench.connection import Connection, compose


class Task(msgspec.Struct):
    """Requests to ask over so many connections, for some seconds or so many times.

    `%d` in path and body becomes the number of the request, counted from `first`, and begins
    again after `distinct` of them; 0 means never.
    """

    host: str
    port: int
    method: str
    path: str
    headers: dict[str, str]
    connections: int
    seconds: float
    body: str = ""
    first: int = 0
    distinct: int = 0
    # Stop after so many requests, if that is sooner; 0 means that only time counts.
    limit: int = 0


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
    requests = _compose_all(task)
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
        request = next(requests, None)
        if request is None:
            return
        reply = await connection.ask(request)
        note(time.perf_counter() - asked)
        statuses[reply.status] += 1


def _compose_all(task: Task) -> Iterator[bytes]:
    for number in range(task.limit) if task.limit else count():
        which = str(task.first + (number % task.distinct if task.distinct else number))
        yield compose(
            task.method,
            task.path.replace("%d", which),
            task.headers,
            task.body.replace("%d", which).encode(),
        )


async def run(task: Task) -> Seen:
    """Do a task in a process of its own, so that the client's CPU is its own too."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )
    output, _ = await process.communicate(msgspec.json.encode(task))
    if process.returncode != 0:
        raise SystemExit("The client failed; its last lines say why.")
    return msgspec.json.decode(output, type=Seen)


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    seen = uvloop.run(work(task))
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
