"""How many notifications a second does a broadcast send, with the whole house at work?

Edge, registry, targeting, planner, sender, ledger and PostgreSQL with its usual durability; nginx
over TLS answers as each gateway does, and h2load asks the same nginx in the same run. Logs go to
standard error, the figures to standard output.
"""

import asyncio
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]  # it has no types

from bench import nginx, wire
from bench.books import open_books
from bench.broadcasts import THEIRS, Broadcasts, Run
from bench.figures import describe_machine
from bench.fleet import Fleet
from bench.gateways import write_task
from bench.log import say
from bench.premises import open_premises
from services.sandbox import certificates
from services.sandbox.certificates import Certificates
from services.sandbox.state import open_folder

DEVICES = int(os.environ.get("DEVICES", "1000000"))
# Each of their notifications is encrypted: an eighth takes as long.
WEB_DEVICES = int(os.environ.get("WEB_DEVICES", str(DEVICES // 8)))
# Sends of each sender that may be unrecorded at once: the first one is the default.
WINDOWS = tuple(map(int, os.environ.get("WINDOWS", "250,2500").split(",")))
GATEWAYS = os.environ.get("GATEWAYS", "apns,fcm,webpush").split(",")
ROUNDS = int(os.environ.get("ROUNDS", "2"))
# One keeps a core busy.
SENDERS = int(os.environ.get("SENDERS", str(os.cpu_count() or 1)))
URLS = ("GATEWAY_APNS_URL", "GATEWAY_APNS_SANDBOX_URL", "GATEWAY_FCM_URL")


async def main() -> None:
    say(describe_machine())
    wire.install_packages()
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name:
        folder = Path(name)
        sandbox = folder / "house" / "sandbox"
        sandbox.mkdir(parents=True)
        issued = certificates.obtain(open_folder(sandbox), "localhost", datetime.now(UTC))
        with nginx.serve(folder, issued) as port:
            figures = await measure(folder, port, issued)
            figures["h2load_per_s"] = ask_h2load(folder, port, issued)
    sys.stdout.write(f"{msgspec.json.encode(figures).decode()}\n")


async def measure(folder: Path, port: int, issued: Certificates) -> dict[str, float]:
    told = dict.fromkeys(URLS, f"https://localhost:{port}")
    told["GATEWAY_CA_FILE"] = str(issued.ca_file)
    # More than is reached here: we are to be measured, not Google's quota.
    told["FCM_PER_MINUTE"] = "1000000000"
    figures: dict[str, float] = {}
    async with open_premises(folder / "house", told) as premises, open_books(premises) as books:
        gateway = psutil.Process(int((folder / "nginx.pid").read_text()))
        broadcasts = Broadcasts(premises, books, gateway, senders=SENDERS)
        fleet = Fleet(books.registry, premises.demo.app_id, port)
        for name in GATEWAYS:
            devices = WEB_DEVICES if name == "webpush" else DEVICES
            await fleet.muster(name, devices)
            for window in WINDOWS:
                run = await best_of(broadcasts, name, devices, window)
                prefix = name if window == WINDOWS[0] else f"{name}_window_{window}"
                figures |= write_figures(prefix, run)
        figures |= {"window": WINDOWS[0], "senders": SENDERS}
    return figures


async def best_of(broadcasts: Broadcasts, name: str, devices: int, window: int) -> Run:
    """The fastest of some rounds: what else the machine does can only slow it."""
    await broadcasts.restart_senders(window)
    runs = []
    for _ in range(ROUNDS):
        run = await broadcasts.run(name, devices)
        tell(name, window, run)
        runs.append(run)
    return max(runs, key=lambda run: run.rate)


def tell(name: str, window: int, run: Run) -> None:
    say(
        f"{name:<8} {SENDERS} x window {window:5} {run.rate:9,.0f} a second {run.cpu_us:7.1f} µs of"
        f" CPU each, {run.peak_mib:4.0f} MiB at most, WAL {run.wal_bytes / run.devices:5.1f} and"
        f" ledger {run.ledger_bytes / run.devices:4.1f} bytes each"
    )
    shares = sorted(run.cpu.items(), key=lambda each: -each[1])
    spent = [f"{who} {1e6 * cpu / run.devices:.1f}" for who, cpu in shares if cpu > 0]
    say(f"         CPU seconds per million: {', '.join(spent)}")


def write_figures(prefix: str, run: Run) -> dict[str, float]:
    figures: dict[str, float] = {
        "devices": run.devices,
        "notifications_per_s": round(run.rate),
        "cpu_us_per_notification": round(run.cpu_us, 1),
        "peak_rss_mib": round(run.peak_mib),
        "wal_bytes_per_delivery": round(run.wal_bytes / run.devices, 1),
        "ledger_bytes_per_delivery": round(run.ledger_bytes / run.devices, 2),
    }
    for who, seconds in run.cpu.items():
        if who not in THEIRS or who == "nginx":
            figures[f"cpu_s_per_million_{who}"] = round(1e6 * seconds / run.devices, 2)
    return {f"{prefix}_{name}": value for name, value in figures.items()}


def ask_h2load(folder: Path, port: int, issued: Certificates) -> int:
    """With as many requests under way as the sender has at most."""
    task = write_task(port, issued.ca_file) | {"headers": wire.HEADERS}
    return round(max(wire.rate(wire.run_h2load(task, folder, 250)) for _ in range(3)))


if __name__ == "__main__":
    asyncio.run(main())
