"""A reporter's part in webhooks, on a real database, with registry in memory."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1 import webhook_service_pb2 as pb
from carillon.dispatch.v1.webhook_pb2 import Webhook, WebhookEvent
from services.dispatch.announcer import Announcer
from services.dispatch.api.webhook_service import WebhookServicer
from services.dispatch.caller import Caller, Limits
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Outcome, Result, by_manner
from services.dispatch.domain.rooms import Endings, Identity
from services.dispatch.fanout import FanOut
from services.dispatch.receiving import Receiving
from services.dispatch.store import intake, news
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from services.kit.vault import Vault
from tests.dispatch.clocks import Clock, this_second
from tests.dispatch.makers import APP, a_message

NOBODY = cast("Any", None)
PATIENCE = timedelta(days=1)
LEASE = timedelta(seconds=30)
GUARD = EgressGuard.allowing(["localhost", "127.0.0.0/8"])
ALL = [number for number in WebhookEvent.values() if number]


def ignore() -> None: ...


class Registry:
    """Devices named by their uid; away when a test says so."""

    def __init__(self) -> None:
        self.away = False

    async def identify_uids(self, _app_id: UUID, uids: Sequence[int]) -> list[Identity]:
        if self.away:
            raise RoomUnavailable("registry")
        return [Identity(uid, f"device-{uid}", "", Platform.IOS, False) for uid in uids]

    async def identify_devices(self, _app_id: UUID, names: Sequence[str]) -> list[Identity]:
        return [Identity(int(name[7:]), name, "", Platform.ANDROID, False) for name in names]

    async def endings(self, position: str) -> Endings:
        return Endings((APP,), position + "1")


class Reporter:
    """A reporter's part in webhooks, step by step, and the callers who keep them."""

    def __init__(self, db: AsyncEngine, wire: PooledWire) -> None:
        self.db = db
        self.clock = Clock(this_second())
        self.registry = Registry()
        vault = Vault({"k1": bytes(32)})
        self.fan_out = FanOut(vault, self.clock, PATIENCE)
        self.announcer = Announcer(db, self.registry, self.fan_out, ring_caller=ignore)
        self.caller = Caller(db, vault, wire, self.clock, Limits(8, 2.0, LEASE))
        self.service = WebhookServicer(
            db, vault, GUARD, self.clock, sources=[], patience=PATIENCE, ring_outbox=ignore
        )
        self.receiving = Receiving(db, cast("Any", self.registry), self.clock, ring_outbox=ignore)

    async def create(self, url: str, *kinds: int, name: str = "crm", app_id: UUID = APP) -> str:
        webhook = Webhook(name=name, url=url, events=cast("Any", kinds or ALL[:6]))
        request = pb.CreateWebhookRequest(app_id=str(app_id), webhook=webhook)
        return (await self.service.CreateWebhook(request, NOBODY)).secret

    async def record(self, *results: Result, app_id: UUID = APP) -> Message:
        """What came of a message, written as the recorder writes it."""
        message = a_message(app_id=app_id, now=self.clock())
        async with self.db.begin() as tx:
            await intake.accept(tx, [message])
            await news.note(tx, [(app_id, message.message_id, by_manner(results))])
        return message

    async def work(self) -> None:
        """Tell and call until nothing is due."""
        while await self.announcer.step() or await self.caller.step():
            pass

    async def later(self) -> None:
        """Let every pause be over."""
        async with self.db.begin() as tx:
            await tx.execute(sa.text("UPDATE webhook_events SET due_time = now()"))
            await tx.execute(sa.text("UPDATE webhooks SET wake_time = now()"))

    async def waiting(self) -> int:
        async with self.db.connect() as connection:
            counted = await connection.execute(sa.text("SELECT count(*) FROM webhook_events"))
            return int(counted.scalar_one())

    async def dead(self) -> list[Any]:
        request = pb.ListDeadLettersRequest(app_id=str(APP), name="crm")
        return list((await self.service.ListDeadLetters(request, NOBODY)).dead_letters)

    async def replay(self, *event_ids: str) -> int:
        request = pb.ReplayDeadLettersRequest(app_id=str(APP), name="crm", event_ids=event_ids)
        return (await self.service.ReplayDeadLetters(request, NOBODY)).replayed_count


def sent(uid: int, platform: Platform = Platform.IOS) -> Result:
    return Result(uid, platform, Outcome.SENT)
