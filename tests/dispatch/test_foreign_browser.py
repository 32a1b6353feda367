"""Does a push service that is not ours check, decrypt and take what we send?"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.dispatch.domain.content import Content, WebOptions
from services.dispatch.domain.credentials import WebPushCredential
from services.dispatch.domain.messages import Platform
from services.dispatch.gateways.jwt import encode_base64url
from services.dispatch.gateways.verdicts import Accepted, Dead, Refused, Verdict
from services.dispatch.gateways.webpush import WebPush
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from tests.dispatch.makers import a_message, a_recipient, ask, rendered
from tests.house.waiting import until
from tests.peers import PEERS, needs_peers

pytestmark = needs_peers

KEY = ec.derive_private_key(7, ec.SECP256R1())
POINT = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
OTHER = ec.derive_private_key(8, ec.SECP256R1())


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def service() -> AsyncIterator[httpx.AsyncClient]:
    """Npm web-push-testing, which subscribes as a browser would and keeps what it could read."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "node",
        str(PEERS / "receiver.cjs"),
        str(port),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://localhost:{port}") as client:

            async def ask_status() -> int:
                with suppress(httpx.TransportError):
                    return (await client.post("/status")).status_code
                return 0

            await until(ask_status, lambda status: status == 200)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def subscribe(service: httpx.AsyncClient) -> dict[str, Any]:
    asked = {"applicationServerKey": encode_base64url(POINT), "userVisibleOnly": "true"}
    answer = (await service.post("/subscribe", json=asked)).raise_for_status()
    subscription: dict[str, Any] = answer.json()["data"]
    return subscription


async def send(subscription: dict[str, Any], key: ec.EllipticCurvePrivateKey = KEY) -> Verdict:
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    gateway = WebPush(WebPushCredential(1, scalar), "mailto:ops@acme.example", now)
    message = a_message(content=Content("Paid 12 €", chrome=WebOptions(title="ACME")), now=now())
    address = {
        # It listens on one address only, whichever name it gives itself.
        "endpoint": subscription["endpoint"].replace("localhost", "127.0.0.1"),
        "userPublicKey": subscription["keys"]["p256dh"],
        "userAuth": subscription["keys"]["auth"],
    }
    recipient = a_recipient(json.dumps(address), Platform.WEB_CHROME)
    wire = PooledWire(EgressGuard.allowing(("127.0.0.0/8", "::1/128", "localhost")))
    try:
        looks = rendered(gateway, message, Platform.WEB_CHROME)
        return await ask(wire, gateway, message, looks, recipient, now)
    finally:
        await wire.close()


async def test_it_reads_what_the_service_worker_is_to_show(service: httpx.AsyncClient) -> None:
    subscription = await subscribe(service)
    verdict = await send(subscription)
    asked = {"clientHash": subscription["clientHash"]}
    kept = (await service.post("/get-notifications", json=asked)).json()["data"]["messages"]

    assert verdict == Accepted()
    shown = json.loads(kept[0])
    assert (shown["title"], shown["alert"]) == ("ACME", "Paid 12 €")
    assert "nid" in json.loads(shown["payload"])


async def test_it_refuses_the_key_of_another_application(service: httpx.AsyncClient) -> None:
    assert isinstance(await send(await subscribe(service), OTHER), Refused)


async def test_it_says_when_a_subscription_is_gone(service: httpx.AsyncClient) -> None:
    subscription = await subscribe(service)
    await service.post(f"/expire-subscription/{subscription['clientHash']}")

    assert isinstance(await send(subscription), Dead)
