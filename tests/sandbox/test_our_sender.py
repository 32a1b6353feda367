"""What does our own sender make of each fault that can be asked for?"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from services.dispatch.domain.credentials import ApnsCredential, FcmCredential, WebPushCredential
from services.dispatch.domain.messages import Platform
from services.dispatch.gateways.apns import Apns
from services.dispatch.gateways.fcm import Fcm
from services.dispatch.gateways.pool import Gateway
from services.dispatch.gateways.verdicts import (
    Accepted,
    Later,
    Misconfigured,
    Trouble,
    Unknown,
    Verdict,
)
from services.dispatch.gateways.webpush import WebPush
from services.dispatch.wire import http2, pooled
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from tests.dispatch.makers import a_message, a_recipient, ask, rendered
from tests.sandbox.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLATFORMS = {
    "apns": Platform.IOS,
    "fcm": Platform.ANDROID,
    "webpush": Platform.WEB_CHROME,
}
NO_HTTP2 = "connect: the other side speaks no HTTP/2"


def now() -> datetime:
    return datetime.now(UTC)


class Sender:
    """Each gateway's protocol over the real wire, to the sandbox."""

    def __init__(self, stage: Stage, wire: PooledWire) -> None:
        url, known = stage.sandbox.gateway_url, stage.sandbox.credentials
        key = ApnsCredential(
            1,
            known["apns"]["keyId"],
            known["apns"]["teamId"],
            known["apns"]["bundleId"],
            sandbox=False,
            private_key=known["apns"]["key"],
        )
        account = FcmCredential(1, json.dumps(known["fcm"]["serviceAccount"]))
        self._stage = stage
        self._wire = wire
        self._gateways: dict[str, Gateway] = {
            "apns": Apns(key, url, now),
            "fcm": Fcm(account, url, wire, now),
            "webpush": WebPush(WebPushCredential(1, b"\x01" * 32), "mailto:ops@acme.example", now),
        }

    async def fresh(self, name: str, behaviour: str = "ok") -> str:
        if name == "webpush":
            return (await self._stage.subscribe(behaviour=behaviour))["token"]
        return await self._stage.fresh(name, behaviour)

    async def put(self, name: str, address: str = "") -> Verdict:
        message, gateway, platform = a_message(now=now()), self._gateways[name], PLATFORMS[name]
        recipient = a_recipient(address or await self.fresh(name), platform)
        looks = rendered(gateway, message, platform)
        async with asyncio.timeout(10):
            return await ask(self._wire, gateway, message, looks, recipient, now)


@pytest_asyncio.fixture(loop_scope="module")
async def sender(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sender]:
    monkeypatch.setattr(pooled, "SWEEP_SECONDS", 0.01)
    wire = PooledWire(EgressGuard.allowing(("localhost",)), stage.sandbox.ca_file)
    yield Sender(stage, wire)
    await wire.close()


@pytest.mark.parametrize("behaviour", ["silent", "deaf"])
@pytest.mark.parametrize("gateway", ["apns", "webpush"])
async def test_a_half_open_connection_is_found_out_and_another_made(
    sender: Sender, behaviour: str, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(http2, "PING_SECONDS", 0.5)
    first = await sender.put(gateway, await sender.fresh(gateway, behaviour))
    second = await sender.put(gateway)

    assert first == Unknown("connection dead")
    assert second == Accepted()


async def test_settings_that_change_in_mid_flight_are_kept_to(sender: Sender, stage: Stage) -> None:
    """The sandbox breaks the connection of whoever does not."""
    opening = await sender.put("webpush")
    changed = {"max_concurrent_streams": 2, "initial_window_size": 100, "max_frame_size": 20_000}
    await stage.order(gateway="webpush", behaviour="settings", settings=changed, times=1)
    answers = await asyncio.gather(*(sender.put("webpush") for _ in range(30)))
    statuses = (await stage.api.get("/api/notifications")).json()["counts"]["webpush"]

    assert [opening, *answers] == [Accepted()] * 31
    assert statuses == {"201": 31}


@pytest.mark.parametrize(
    ("gateway", "verdict"),
    [
        ("fcm", Accepted()),
        ("webpush", Accepted()),
        ("apns", Later("HTTP_1_1_REQUIRED", None, Trouble.OUTAGE)),
    ],
)
async def test_who_wants_http1_gets_it_once_and_apple_never(
    sender: Sender, stage: Stage, gateway: str, verdict: Verdict
) -> None:
    said = await sender.put(gateway, await sender.fresh(gateway, "http1"))
    arrived = (await stage.api.get("/api/notifications")).json()["notifications"]

    assert said == verdict
    assert len(arrived) == (verdict == Accepted())


@pytest.mark.parametrize(
    ("gateway", "verdict"),
    [
        ("fcm", Accepted()),
        ("webpush", Accepted()),
        ("apns", Later(NO_HTTP2, None, Trouble.OUTAGE)),
    ],
)
async def test_who_offers_http1_alone_is_asked_by_it_but_for_apple(
    sender: Sender, stage: Stage, gateway: str, verdict: Verdict
) -> None:
    offered = {"protocols": ["http/1.1"]}
    (await stage.api.put("/api/protocols", json=offered)).raise_for_status()
    said = await sender.put(gateway)
    shown = (await stage.api.get("/api/protocols")).json()

    assert said == verdict
    assert shown == offered
    assert (await stage.api.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("gateway", "status", "verdict"),
    [
        ("apns", 502, Later("502", 900.0, Trouble.OUTAGE, is_firm=False)),
        ("fcm", 502, Later("502", None, Trouble.OUTAGE)),
        ("fcm", 404, Misconfigured("404")),
        ("webpush", 502, Later("502", None, Trouble.OUTAGE)),
    ],
)
async def test_a_proxys_page_says_no_more_than_its_status(
    sender: Sender, stage: Stage, gateway: str, status: int, verdict: Verdict
) -> None:
    await stage.order(gateway=gateway, behaviour="error", status=status, html=True)
    said = await sender.put(gateway)

    assert said == verdict


@pytest.mark.parametrize(
    ("quota", "trouble"),
    [("device", Trouble.DEVICE), ("project", Trouble.THROTTLED), ("topic", Trouble.THROTTLED)],
)
async def test_whose_quota_is_used_up_says_who_has_to_wait(
    sender: Sender, stage: Stage, quota: str, trouble: Trouble
) -> None:
    order: dict[str, Any] = {"gateway": "fcm", "behaviour": "throttled", "retry_after": 30}
    await stage.order(**order, quota=quota)
    said = await sender.put("fcm")

    assert said == Later("QUOTA_EXCEEDED", 30.0, trouble)
