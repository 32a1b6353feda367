"""`make chaos`: kill everything while a broadcast runs, and count what is lost and repeated.

The last line of the standard output is one of JSON; all else goes to the log. Ends with status 1
if anything is lost, or if more is repeated than 250 times the kills.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.chaos.faults import Kind
from bench.chaos.run import Findings, plan, play
from bench.figures import describe_machine
from bench.log import Log, say


def figures(findings: Findings, devices: int, seconds: float) -> dict[str, object]:
    return {
        "devices": devices,
        "kills": findings.count(Kind.KILL),
        "restarts": findings.count(Kind.RESTART),
        "cuts": findings.count(Kind.CUT),
        "messages": findings.messages,
        "deliveries": findings.deliveries,
        "lost": findings.lost,
        "repeated": findings.repeated,
        "seconds": round(seconds),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--further", type=int, default=9, help="faults at random after the usual")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    say(f"{describe_machine()}; {asked.devices} devices, seed {asked.seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="carillon-chaos-") as folder:
        script = plan(asked.devices, asked.further, asked.seed)
        findings = await play(script, Path(folder) / "house", Log(), say)
    for loss in findings.losses:
        say(f"LOST: {loss}")
    told = figures(findings, asked.devices, time.monotonic() - began)
    sys.stdout.write(f"{msgspec.json.encode(told).decode()}\n")
    sys.exit(0 if findings.is_good else 1)


if __name__ == "__main__":
    asyncio.run(main())
