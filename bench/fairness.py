"""What other tenants notice of one tenant's broadcast to a million devices.

`python -m bench.fairness [devices]`: first on an idle house, then while the broadcast runs.
"""

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.disk import weigh
from bench.figures import describe_machine, describe_times, percentile
from bench.tenants import MANY, Scene, open_scene

DEVICES = 1_000_000
IDLE_SINGLES = 300
WARM_UP = 30
# Before the 10,000 are sent to, under the broadcast.
BUSY_SINGLES = 150
NO_END = 1_000_000


@dataclass(frozen=True, slots=True)
class Busy:
    singles: list[float]
    many_seconds: float
    # Whether the broadcast was still going on when the 10,000 had all been sent to.
    is_covered: bool
    broadcast_seconds: float


async def measure_busy(scene: Scene) -> Busy:
    """Singles, the 10,000, and singles again until the broadcast has ended."""
    began, ended = time.monotonic(), asyncio.Event()
    message_id = await scene.broadcaster.send()

    async def wait() -> float:
        await scene.broadcaster.wait_for_end(message_id)
        ended.set()
        return time.monotonic() - began

    waiting = asyncio.create_task(wait())
    singles = await scene.send_singles(BUSY_SINGLES, ended)
    many = await scene.send_to_many()
    is_covered = not ended.is_set()
    singles += await scene.send_singles(NO_END, ended)
    return Busy(singles, many, is_covered, await waiting)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def main() -> None:
    devices = int(sys.argv[1]) if len(sys.argv) > 1 else DEVICES
    tell(describe_machine())
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        async with open_scene(Path(folder), devices) as scene:
            tell(f"{devices:,} devices stand ready.")
            await scene.send_singles(WARM_UP)
            await scene.send_to_many()
            singles = await scene.send_singles(IDLE_SINGLES)
            many = await scene.send_to_many()
            tell(describe_times("Single sends, idle", singles))
            url = scene.house.place.databases.dispatch_database_url
            before = await weigh(url)
            busy = await measure_busy(scene)
            written = (await weigh(url)).since(before)
            tell(describe_times(f"{len(busy.singles)} single sends, broadcast", busy.singles))
            tell(f"{MANY:,} devices: {many:.2f} s idle, {busy.many_seconds:.2f} s under broadcast")
    p50, p99 = (1000 * percentile(singles, share) for share in (0.5, 0.99))
    busy_p50, busy_p99 = (1000 * percentile(busy.singles, share) for share in (0.5, 0.99))
    figures = {
        "p50_ms": p50,
        "p99_ms": p99,
        "busy_p50_ms": busy_p50,
        "busy_p99_ms": busy_p99,
        "busy_p99_limit_ms": 2 * p99 + 20,
        "send_10000_s": many,
        "busy_send_10000_s": busy.many_seconds,
        "send_10000_ratio": busy.many_seconds / many,
        "is_covered": busy.is_covered,
        "devices": devices,
        "broadcast_s": busy.broadcast_seconds,
        "notifications_per_s": devices / busy.broadcast_seconds,
        "stored_bytes": written.stored / (devices + MANY + len(busy.singles)),
        "logged_bytes": written.logged / (devices + MANY + len(busy.singles)),
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    asyncio.run(main())
