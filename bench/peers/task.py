"""What to send, as JSON on standard input; what it cost, as JSON on standard output."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

TASK = json.load(sys.stdin)


async def measure(send: Callable[[Any], Awaitable[None]], addresses: Sequence[Any]) -> None:
    """`send` for each of the addresses in turn, as many at once as the task says."""

    async def run(count: int) -> None:
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await send(addresses[number % len(addresses)])

        await asyncio.gather(*(work() for _ in range(TASK["concurrency"])))

    await run(TASK["warmup"])
    cpu, began = time.process_time(), time.perf_counter()
    await run(TASK["count"])
    print(
        json.dumps(
            {
                "sent": TASK["count"],
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - cpu,
            }
        )
    )
