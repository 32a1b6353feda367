"""Our own sender's part of the benchmark of gateways: render, encrypt, send, read the answer.

`python -m bench.gateway_sender apns|fcm|webpush` reads the task as JSON from its standard input and
writes what it cost as JSON to its standard output.
"""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import uvloop

from services.dispatch.domain.content import AndroidOptions, AppleOptions, Content, WebOptions
from services.dispatch.domain.credentials import ApnsCredential, FcmCredential, WebPushCredential
from services.dispatch.domain.messages import Message, Platform, Submission, Target, TargetKind
from services.dispatch.domain.parcels import Recipient
from services.dispatch.gateways.apns import Apns
from services.dispatch.gateways.asking import read
from services.dispatch.gateways.encryption import Keys, encrypt, pad, read_key
from services.dispatch.gateways.fcm import Fcm
from services.dispatch.gateways.pool import Gateway
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import Verdict
from services.dispatch.gateways.webpush import PADDING_BLOCK, WebPush
from services.dispatch.pacing.places import Places
from services.dispatch.wire import Answer, Request, Wire, WireError
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from services.kit.process import settle_memory

# Nobody else is in the line.
ONLY = (False, 0)
PLATFORMS = {
    "apns": Platform.IOS,
    "fcm": Platform.ANDROID,
    "webpush": Platform.WEB_CHROME,
}


class Subscription(msgspec.Struct):
    """As a browser gives it out, and as libraries for Web Push take it."""

    endpoint: str
    keys: dict[str, str]

    @property
    def address(self) -> str:
        """As the web SDK registers it."""
        p256dh, auth = self.keys["p256dh"], self.keys["auth"]
        address = {"endpoint": self.endpoint, "userPublicKey": p256dh, "userAuth": auth}
        return msgspec.json.encode(address).decode()


class Task(msgspec.Struct):
    host: str
    port: int
    ca_file: str
    count: int
    warmup: int
    concurrency: int
    title: str
    alert: str
    payload: str
    addresses: list[str]
    subscriptions: list[Subscription]
    apns_key: str
    vapid_private: str
    service_account: str

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def write_message(self) -> Message:
        content = Content(
            self.alert,
            apple=AppleOptions(title=self.title),
            android=AndroidOptions(title=self.title),
            chrome=WebOptions(title=self.title),
        )
        everyone = Target(TargetKind.EVERYONE)
        return Submission(UUID(int=1), content, everyone, "", "").accepted(now())


class Cost(msgspec.Struct):
    sent: int
    seconds: float
    cpu_seconds: float

    @property
    def per_cpu_second(self) -> float:
        return self.sent / self.cpu_seconds


def now() -> datetime:
    return datetime.now(UTC)


def open_gateway(kind: str, task: Task, wire: Wire) -> Gateway:
    match kind:
        case "apns":
            team = ("KEY1234567", "TEAM123456", "com.acme.bank")
            credential = ApnsCredential(1, *team, sandbox=True, private_key=task.apns_key)
            return Apns(credential, task.url, now)
        case "fcm":
            return Fcm(FcmCredential(1, task.service_account), task.url, wire, now)
        case _:
            scalar = read_key(task.vapid_private)
            return WebPush(WebPushCredential(1, scalar), "mailto:ops@acme.example", now)


async def measure(kind: str, task: Task) -> Cost:
    wire = PooledWire(EgressGuard.allowing(("127.0.0.0/8", "localhost")), Path(task.ca_file))
    gateway, platform = open_gateway(kind, task, wire), PLATFORMS[kind]
    addresses = task.addresses
    if kind == "webpush":
        addresses = [each.address for each in task.subscriptions]
    recipients = [Recipient(uid, platform, address) for uid, address in enumerate(addresses)]
    try:
        await _send(wire, gateway, task, recipients, task.warmup)
        settle_memory()
        cpu, began = time.process_time(), time.perf_counter()
        await _send(wire, gateway, task, recipients, task.count)
        return Cost(task.count, time.perf_counter() - began, time.process_time() - cpu)
    finally:
        await wire.close()


async def _send(
    wire: Wire, gateway: Gateway, task: Task, recipients: Sequence[Recipient], count: int
) -> None:
    """As a delivery does it, but for gate and ledger: as many are under way as there are places."""
    message, platform = task.write_message(), recipients[0].platform
    rendered = gateway.render(message, platform)
    assert isinstance(rendered, Rendered)  # noqa: S101  a message that is refused measures nothing
    await gateway.prepare()
    window, refused = Places(task.concurrency), list[Verdict]()

    def end(
        asked: datetime,
        requests: Sequence[Request],
        ended: Sequence[tuple[int, Answer | WireError]],
    ) -> None:
        for place, outcome in ended:
            if isinstance(outcome, WireError) or outcome.status not in gateway.good:
                refused.append(read(gateway, requests[place].url, outcome, asked))
        window.give_back(len(ended))

    begun = 0
    while begun < count:
        places = await window.take(count - begun, ONLY)
        batch = [recipients[number % len(recipients)] for number in range(begun, begun + places)]
        written = gateway.write(message, rendered, platform, batch)
        requests = [request for request in written if request is not None]
        wire.start(requests, partial(end, now(), requests))
        begun += places
    for _ in range(task.concurrency):
        await window.take(1, ONLY)
    if refused:
        raise TypeError(f"not accepted: {refused[0]}")


def measure_encryption(task: Task) -> Cost:
    """Encryption alone: a fresh key pair and salt for each text, as always."""
    keys = [
        Keys(read_key(each.keys["p256dh"]), read_key(each.keys["auth"]))
        for each in task.subscriptions
    ]
    text = task.alert.encode()
    _encrypt(text, keys, task.warmup)
    cpu, began = time.process_time(), time.perf_counter()
    _encrypt(text, keys, task.count)
    return Cost(task.count, time.perf_counter() - began, time.process_time() - cpu)


def _encrypt(text: bytes, keys: Sequence[Keys], count: int) -> None:
    for number in range(count):
        encrypt(pad(text, PADDING_BLOCK), keys[number % len(keys)])


def main() -> None:
    kind, task = sys.argv[1], msgspec.json.decode(sys.stdin.read(), type=Task)
    cost = measure_encryption(task) if kind == "encryption" else uvloop.run(measure(kind, task))
    print(msgspec.json.encode(cost).decode())


if __name__ == "__main__":
    main()
