"""Our sender as a process of its own: what to send on standard input, what it cost on output."""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop

from bench.gateway_sender import Cost
from services.dispatch.wire import Answer, Request, Template, WireError
from services.dispatch.wire.origin import Limits
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from services.kit.process import settle_memory

ONE = Limits(max_connections=1)


class Task(msgspec.Struct):
    port: int
    ca_file: str
    count: int
    warmup: int
    concurrency: int
    headers: tuple[tuple[str, str], ...]
    addresses: list[str]
    title: str
    alert: str
    payload: str
    body: bytes = b""

    def open_template(self) -> Template:
        base = f"https://localhost:{self.port}"
        return Template(base, self.headers, pool="bench", http2_only=True)

    def write(self, template: Template, number: int) -> Request:
        address = self.addresses[number % len(self.addresses)]
        return Request(template, f"/3/device/{address}", self.body)


class Batch:
    """Keeps so many requests under way until all are answered; counts what succeeded."""

    def __init__(self, wire: PooledWire, task: Task, count: int) -> None:
        self._wire, self._task, self._count = wire, task, count
        self._template = task.open_template()
        self._started = self._ended = self._freed = self.succeeded = 0
        self._done = asyncio.Event()

    async def run(self) -> None:
        self._start(min(self._task.concurrency, self._count))
        await self._done.wait()

    def _start(self, count: int) -> None:
        numbers = range(self._started, self._started + count)
        self._started += count
        write, template = self._task.write, self._template
        self._wire.start([write(template, number) for number in numbers], self._end)

    def _end(self, ended: Sequence[tuple[int, Answer | WireError]]) -> None:
        self._ended += len(ended)
        self.succeeded += sum(
            isinstance(outcome, Answer) and outcome.status == 200 for _, outcome in ended
        )
        if self._ended == self._count:
            self._done.set()
        elif not self._freed:
            asyncio.get_running_loop().call_soon(self._go_on)
        self._freed += len(ended)

    def _go_on(self) -> None:
        """As many as have ended together, whenever they were started."""
        freed, self._freed = self._freed, 0
        self._start(min(freed, self._count - self._started))


async def run_batch(wire: PooledWire, task: Task, count: int) -> int:
    batch = Batch(wire, task, count)
    await batch.run()
    return batch.succeeded


async def run_posts(wire: PooledWire, task: Task, count: int) -> int:
    """A task for each request, as an engine that waits for each would have it."""
    limit, template, succeeded = asyncio.Semaphore(task.concurrency), task.open_template(), 0

    async def post(number: int) -> None:
        nonlocal succeeded
        try:
            answer = await wire.post(task.write(template, number))
            succeeded += answer.status == 200
        finally:
            limit.release()

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await limit.acquire()
            group.create_task(post(number))
    return succeeded


async def measure(way: str, task: Task) -> Cost:
    wire = PooledWire(EgressGuard.allowing(("localhost",)), Path(task.ca_file), ONE)
    run = run_posts if way == "post" else run_batch
    try:
        if way != "leaving":
            await run(wire, task, task.warmup)
        settle_memory()
        cpu, began = time.process_time(), time.perf_counter()
        succeeded = await run(wire, task, task.count)
        return Cost(succeeded, time.perf_counter() - began, time.process_time() - cpu)
    finally:
        await wire.close()


def main() -> None:
    way, task = sys.argv[1], msgspec.json.decode(sys.stdin.read(), type=Task)
    alert = {"title": task.title, "body": task.alert}
    task.body = msgspec.json.encode({"aps": {"alert": alert}, "payload": task.payload})
    print(msgspec.json.encode(uvloop.run(measure(way, task))).decode())


if __name__ == "__main__":
    main()
