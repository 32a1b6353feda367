"""What does a request cost our sender, beside h2load (C) and the libraries that people use?

Every line is measured against the same server in the same run: nginx over TLS. What counts is the
CPU of the client's process alone. Logs go to standard error, the figures to standard output.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import describe_machine
from bench.gateway_sender import Cost
from bench.gateways import command_for, install_peers, run, write_task
from bench.log import say
from bench.nginx import serve
from services.sandbox import certificates

SENDER = [str(Path(__file__).parents[1] / ".venv/bin/python"), "-m", "bench.wire_sender"]
ROUNDS = 3
COUNT, NODE_COUNT, SLOW_COUNT = 100_000, 20_000, 2_000
IN_FLIGHT = 100
# A server that leaves after so many requests and takes so many at once, and what it is asked for.
LEAVES_AFTER, STREAMS, TOO_MANY = 1_000, 128, 1_500
PACKAGES = {"nginx": "nginx-light", "h2load": "nghttp2-client"}
PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/bin"
HEADERS = (
    ("authorization", "bearer " + "e" * 250),
    ("apns-topic", "com.acme.bank"),
    ("apns-push-type", "alert"),
    ("apns-priority", "10"),
    ("apns-expiration", "2000000000"),
    ("apns-collapse-id", "AbC12dEf"),
)


def main() -> None:
    say(describe_machine())
    install()
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as name:
        folder = Path(name)
        issued = certificates.obtain(folder, "localhost", datetime.now(UTC))
        with serve(folder, issued) as port:
            task = write_task(port, issued.ca_file) | {"headers": HEADERS, "concurrency": IN_FLIGHT}
            best = measure(task, folder)
        with serve(folder, issued, leaves_after=LEAVES_AFTER, streams=STREAMS) as port:
            leaving = {"port": port, "count": COUNT, "concurrency": TOO_MANY}
            failed = tally(run([*SENDER, "leaving"], task | leaving))
    print(json.dumps(write_figures(best) | {"leaving_requests": COUNT, "failed": failed}))


def install() -> None:
    """What is missing: packages, and the peers into their own folders."""
    install_packages()
    install_peers()


def install_packages() -> None:
    """By apt, where that is ours to do."""
    missing = [package for name, package in PACKAGES.items() if not shutil.which(name, path=PATH)]
    if missing:
        if os.geteuid() != 0:
            raise SystemExit(f"This needs: apt-get install {' '.join(missing)}")
        for command in (["update", "-q"], ["install", "-y", "-q", *missing]):
            subprocess.run(["apt-get", *command], check=True, stdout=sys.stderr)  # noqa: S603, S607


def measure(task: dict[str, Any], folder: Path) -> dict[str, Cost]:
    """The run of each that cost least: what else the machine does can only add."""
    best: dict[str, Cost] = {}
    for _ in range(ROUNDS):
        for who in ("ours", "ours by post", "h2load", "node-apn", "aioapns"):
            cost = measure_one(who, task, folder)
            say(f"{who:<14}{cost.per_cpu_second:9,.0f} per CPU second {rate(cost):9,.0f} a second")
            if who not in best or cost.per_cpu_second > best[who].per_cpu_second:
                best[who] = cost
    return best


def measure_one(who: str, task: dict[str, Any], folder: Path) -> Cost:
    match who:
        case "ours":
            return run([*SENDER, "start"], task | {"count": COUNT})
        case "ours by post":
            return run([*SENDER, "post"], task | {"count": COUNT // 2})
        case "h2load":
            return run_h2load(task, folder)
        case "node-apn":
            return run(command_for("apns", "@parse/node-apn"), task | {"count": NODE_COUNT})
        case _:
            return run(command_for("apns", "aioapns"), task | {"count": SLOW_COUNT})


def run_h2load(task: dict[str, Any], folder: Path, in_flight: int = IN_FLIGHT) -> Cost:
    body = folder / "body.json"
    body.write_bytes(write_body(task))
    headers = [f"-H{name}: {value}" for name, value in task["headers"]]
    path = f"/3/device/{task['addresses'][0]}"
    told = [f"-n{COUNT}", "-c1", f"-m{in_flight}", f"-d{body}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(  # noqa: S603
        ["h2load", *told, *headers, f"https://localhost:{task['port']}{path}"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"([\d.]+) req/s", done.stdout)
    if found is None or f"{COUNT} succeeded" not in done.stdout:
        raise RuntimeError(done.stdout[-2000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(COUNT, COUNT / float(found[1]), cpu)


def write_body(task: dict[str, Any]) -> bytes:
    alert = {"title": task["title"], "body": task["alert"]}
    return json.dumps({"aps": {"alert": alert}, "payload": task["payload"]}).encode()


def tally(cost: Cost) -> int:
    """Failures of the leaving server's run: those that the caller saw."""
    say(f"while it leaves{cost.per_cpu_second:8,.0f} per CPU second {rate(cost):9,.0f} a second")
    return COUNT - cost.sent


def rate(cost: Cost) -> float:
    return cost.sent / cost.seconds


def write_figures(best: dict[str, Cost]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for who, prefix in (
        ("ours", ""),
        ("ours by post", "post_"),
        ("h2load", "h2load_"),
        ("node-apn", "node_apn_"),
        ("aioapns", "aioapns_"),
    ):
        figures[f"{prefix}requests_per_s"] = round(rate(best[who]))
        figures[f"{prefix}requests_per_cpu_s"] = round(best[who].per_cpu_second)
        if prefix and prefix != "post_":
            times = best["ours"].per_cpu_second / best[who].per_cpu_second
            figures[f"times_{prefix.rstrip('_')}"] = round(times, 2)
    return figures


if __name__ == "__main__":
    main()
