"""Senders in processes of their own: `python -m tests.dispatch.some_senders <database> <folder>`.

A line on the standard input says how many are to work, until an empty one. Each says `ready`, and
writes into the folder, a line each, which addresses it asked for; `done` is said after the last.
They are forked, for to import everything takes longer than all that they do.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from services.dispatch.domain.credentials import GatewayKind
from services.kit.database import open_engine
from tests.dispatch.station import OK, apns_key, phones, working

PHONES = 1000


async def work(url: str, file: Path) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    db = open_engine(url)
    kept = {GatewayKind.APNS: apns_key()}
    async with working(db, phones(PHONES), lambda _: OK, kept) as station:
        say("ready")
        await ending.wait()
    await db.dispose()
    lines = [url.rpartition("/")[2] for url in station.wire.asked]
    file.write_text("\n".join(lines))  # noqa: ASYNC240  nobody waits any more


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def main() -> None:
    url, folder = sys.argv[1], Path(sys.argv[2])
    while number := sys.stdin.readline().strip():
        pids = []
        for which in range(int(number)):
            pid = os.fork()
            if not pid:
                asyncio.run(work(url, folder / f"{number}-{which}"))
                os._exit(0)
            pids.append(pid)
        sys.stdin.readline()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        for pid in pids:
            os.waitpid(pid, 0)
        say("done")


if __name__ == "__main__":
    main()
