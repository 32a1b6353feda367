"""How many notifications does a sender send per second of its CPU, to each gateway?

Every line is measured against the same server in the same run: nginx, which takes what comes and
says what each gateway says. What is measured is the sender's process alone.
"""

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.figures import describe_machine
from bench.gateway_sender import Cost
from bench.log import say
from bench.nginx import serve
from services.sandbox import certificates

PEERS = Path(__file__).parent / "peers"
PYTHON = PEERS / ".venv" / "bin" / "python"
UV = Path(__file__).parents[1] / ".tools" / "bin" / "uv"
ADDRESSES = 100
# Each sends so many; the slow ones fewer, so that a run takes minutes.
QUICK_COUNT, COUNT, SLOW_COUNT, WARMUP = 30_000, 5_000, 1_000, 300
RUNS = 2
LINES = (
    ("apns", "ours", QUICK_COUNT),
    ("apns", "@parse/node-apn", COUNT),
    ("apns", "aioapns", SLOW_COUNT),
    ("fcm", "ours", QUICK_COUNT),
    ("fcm", "firebase-admin", COUNT),
    ("webpush", "ours", QUICK_COUNT),
    ("webpush", "web-push", SLOW_COUNT),
    ("webpush", "pywebpush", SLOW_COUNT),
    ("encryption", "ours", QUICK_COUNT),
)
NODE, PIP = {"@parse/node-apn", "firebase-admin", "web-push"}, {"aioapns", "pywebpush"}


def main() -> None:
    say(describe_machine())
    install_peers()
    figures: dict[str, dict[str, float]] = {}
    with premises() as task:
        for kind, who, count in LINES:
            cost = best_of(kind, who, task | {"count": count})
            figures.setdefault(kind, {})[who] = round(cost.per_cpu_second)
            say(
                f"{kind:<12}{who:<18}{cost.per_cpu_second:9,.0f} per CPU second"
                f"{cost.sent / cost.seconds:9,.0f} per second"
            )
    print(json.dumps({"notifications_per_cpu_second": figures}))


def install_peers() -> None:
    """Their own folders, and no others, by the lists in bench/peers."""
    subprocess.run(
        ["npm", "ci", "--silent", "--no-audit", "--no-fund"],  # noqa: S607
        cwd=PEERS,
        check=True,
    )
    if not PYTHON.exists():
        subprocess.run([UV, "venv", "-q", PYTHON.parents[1]], check=True)  # noqa: S603
    listed = PEERS / "requirements.txt"
    subprocess.run([UV, "pip", "install", "-q", "--python", PYTHON, "-r", listed], check=True)  # noqa: S603


@contextmanager
def premises() -> Iterator[dict[str, Any]]:
    """The server, and a task that leads to it."""
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        issued = certificates.obtain(Path(folder), "localhost", datetime.now(UTC))
        with serve(Path(folder), issued) as port:
            yield write_task(port, issued.ca_file)


def write_task(port: int, ca_file: Path) -> dict[str, Any]:
    vapid, vendor = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    account = {
        "project_id": "acme-bank-demo",
        "client_email": "carillon@acme-bank-demo.iam.gserviceaccount.com",
        "private_key": certificates.private_pem(rsa.generate_private_key(65537, 2048)).decode(),
        "token_uri": f"https://localhost:{port}/token",
    }
    return {
        "host": "localhost",
        "port": port,
        "ca_file": str(ca_file),
        "warmup": WARMUP,
        "concurrency": 100,
        "title": "ACME Bank",
        "alert": "Paid 12,50 EUR to Zoe, thank you for your confidence in us. " * 3,
        "payload": '{"nid":"AbC12dEf"}',
        "addresses": [f"{number:064x}" for number in range(ADDRESSES)],
        "subscriptions": [subscribe(port, number) for number in range(ADDRESSES)],
        "apns_key": certificates.private_pem(vendor).decode(),
        "vapid_private": encode(vapid.private_numbers().private_value.to_bytes(32, "big")),
        "vapid_public": encode(point_of(vapid)),
        "service_account": json.dumps(account),
    }


def subscribe(port: int, number: int) -> dict[str, Any]:
    """A browser's subscription, with keys of its own."""
    browser = ec.generate_private_key(ec.SECP256R1())
    return {
        "endpoint": f"https://localhost:{port}/push/{number}",
        "keys": {"p256dh": encode(point_of(browser)), "auth": encode(b"a" * 16)},
    }


def best_of(kind: str, who: str, task: dict[str, Any]) -> Cost:
    """The run that cost least: what else the machine does can only add."""
    costs = [run(command_for(kind, who), task) for _ in range(RUNS)]
    return min(costs, key=lambda cost: cost.cpu_seconds)


def command_for(kind: str, who: str) -> list[str]:
    if who in NODE:
        return ["node", str(PEERS / f"{kind}.mjs")]
    if who in PIP:
        return [str(PYTHON), str(PEERS / f"{kind}.py")]
    return [str(Path(__file__).parents[1] / ".venv/bin/python"), "-m", "bench.gateway_sender", kind]


def run(command: list[str], task: dict[str, Any]) -> Cost:
    done = subprocess.run(  # noqa: S603  our own scripts
        command,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        env={"NODE_EXTRA_CA_CERTS": task["ca_file"], "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Cost)


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


if __name__ == "__main__":
    main()
