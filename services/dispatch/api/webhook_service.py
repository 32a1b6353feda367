"""WebhookService: whom applications want told what happens, and what could not be told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.dispatch.v1 import webhook_pb2, webhook_service_pb2_grpc
from carillon.dispatch.v1 import webhook_service_pb2 as pb
from services.dispatch.api import webhook_wire, wire
from services.dispatch.api.webhook_wire import Asked
from services.dispatch.domain.faults import WebhookExists, WebhookNotFound
from services.dispatch.domain.rooms import EventFeed
from services.dispatch.domain.webhooks import (
    EventKind,
    Keyring,
    SigningSecret,
    Webhook,
    new_secret,
)
from services.dispatch.gatherer import WATCH
from services.dispatch.store import events, webhooks
from services.kit import paging
from services.kit.egress import EgressGuard
from services.kit.faults import FieldInvalid
from services.kit.lookup import leads_out
from services.kit.vault import Vault

Context = grpc.aio.ServicerContext[Any, Any]

MAX_WEBHOOKS = 20


class WebhookServicer(webhook_service_pb2_grpc.WebhookServiceServicer):
    def __init__(
        self,
        db: AsyncEngine,
        vault: Vault,
        guard: EgressGuard,
        clock: Callable[[], datetime],
        *,
        sources: Sequence[EventFeed],
        patience: timedelta,
        ring_outbox: Callable[[], None],
    ) -> None:
        self._db = db
        self._vault = vault
        self._guard = guard
        self._clock = clock
        self._sources = sources
        self._patience = patience
        self._ring_outbox = ring_outbox

    async def CreateWebhook(
        self, request: pb.CreateWebhookRequest, _context: Context
    ) -> pb.CreateWebhookResponse:
        app_id = wire.parse_app_id(request.app_id)
        asked = await self._check(request.webhook)
        await self._watch(app_id, asked.kinds)
        now, secret = self._clock(), new_secret()
        webhook = Webhook(
            app_id=app_id,
            name=asked.name,
            url=asked.url,
            kinds=asked.kinds,
            annotation=asked.annotation,
            keyring=Keyring(asked.user_info, (SigningSecret(secret),)),
            create_time=now,
            update_time=now,
        )
        async with self._db.begin() as tx:
            if not await webhooks.create(tx, self._vault, webhook):
                raise WebhookExists(webhook.name)
            if await webhooks.count(tx, app_id) > MAX_WEBHOOKS:
                raise FieldInvalid(
                    "webhook.name", f"is one too many: an application has at most {MAX_WEBHOOKS}"
                )
        return pb.CreateWebhookResponse(webhook=webhook_wire.write_webhook(webhook), secret=secret)

    async def GetWebhook(
        self, request: pb.GetWebhookRequest, _context: Context
    ) -> pb.GetWebhookResponse:
        async with self._db.connect() as connection:
            found = await self._find(connection, request.app_id, request.name)
        return pb.GetWebhookResponse(webhook=webhook_wire.write_webhook(found))

    async def ListWebhooks(
        self, request: pb.ListWebhooksRequest, _context: Context
    ) -> pb.ListWebhooksResponse:
        app_id = wire.parse_app_id(request.app_id)
        query = ("webhooks", app_id)
        window = paging.read_window(request, query, tuple[paging.Text])
        async with self._db.connect() as connection:
            found = await webhooks.page(connection, self._vault, app_id, window)
            total = await webhooks.count(connection, app_id)
        page = paging.turn(window, query, found, lambda webhook: [webhook.name])
        return pb.ListWebhooksResponse(
            webhooks=map(webhook_wire.write_webhook, page.items),
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=total,
        )

    async def UpdateWebhook(
        self, request: pb.UpdateWebhookRequest, _context: Context
    ) -> pb.UpdateWebhookResponse:
        asked = await self._check(request.webhook)
        await self._watch(wire.parse_app_id(request.app_id), asked.kinds)
        async with self._db.begin() as tx:
            known = await self._find(tx, request.app_id, asked.name, lock=True)
            keyring = known.keyring
            # What was read and is written back unchanged keeps the password it does not show.
            if asked.given_url != known.shown_url:
                keyring = replace(keyring, user_info=asked.user_info)
            webhook = replace(
                known,
                url=asked.url,
                kinds=asked.kinds,
                annotation=asked.annotation,
                keyring=keyring,
                update_time=self._clock(),
            )
            await webhooks.update(tx, self._vault, webhook)
        self._ring_outbox()
        return pb.UpdateWebhookResponse(webhook=webhook_wire.write_webhook(webhook))

    async def DeleteWebhook(
        self, request: pb.DeleteWebhookRequest, _context: Context
    ) -> pb.DeleteWebhookResponse:
        app_id = wire.parse_app_id(request.app_id)
        name = wire.parse_name("name", request.name)
        async with self._db.begin() as tx:
            if not await webhooks.delete(tx, app_id, name):
                raise WebhookNotFound(name)
        return pb.DeleteWebhookResponse()

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, _context: Context
    ) -> pb.RotateWebhookSecretResponse:
        secret = new_secret()
        async with self._db.begin() as tx:
            known = await self._find(tx, request.app_id, request.name, lock=True)
            keyring = known.keyring.rotated(secret, self._clock())
            await webhooks.update(tx, self._vault, replace(known, keyring=keyring))
        return pb.RotateWebhookSecretResponse(secret=secret)

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, _context: Context
    ) -> pb.ListDeadLettersResponse:
        app_id = wire.parse_app_id(request.app_id)
        query = ("dead_letters", app_id, request.name)
        window = paging.read_window(request, query, tuple[paging.Number])
        async with self._db.connect() as connection:
            webhook_id = await self._number(connection, request.app_id, request.name)
            found = await events.dead(connection, self._vault, app_id, webhook_id, window)
        page = paging.turn(window, query, found, lambda letter: [letter.number])
        return pb.ListDeadLettersResponse(
            dead_letters=map(webhook_wire.write_dead_letter, page.items),
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
        )

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, _context: Context
    ) -> pb.ReplayDeadLettersResponse:
        event_ids = webhook_wire.parse_event_ids(list(request.event_ids))
        async with self._db.begin() as tx:
            number = await self._number(tx, request.app_id, request.name, lock=True)
            end_time = self._clock() + self._patience
            replayed = await events.revive(tx, number, event_ids, end_time)
            if replayed:
                await webhooks.wake(tx, [number])
        self._ring_outbox()
        return pb.ReplayDeadLettersResponse(replayed_count=replayed)

    async def _check(self, webhook: webhook_pb2.Webhook) -> Asked:
        asked = webhook_wire.parse_webhook(webhook)
        if not await leads_out(self._guard, asked.url):
            raise FieldInvalid(
                "webhook.url", "must be https and lead to an address of the public internet"
            )
        return asked

    async def _watch(self, app_id: UUID, kinds: EventKind) -> None:
        """Have the other rooms tell what is wanted, before anybody is told that it will be."""
        for source in self._sources:
            if source.kinds & kinds:
                await source.watch([app_id], WATCH)

    async def _find(
        self, tx: AsyncConnection, app_id: str, name: str, *, lock: bool = False
    ) -> Webhook:
        name = wire.parse_name("name", name)
        found = await webhooks.find(tx, self._vault, wire.parse_app_id(app_id), name, lock=lock)
        if found is None:
            raise WebhookNotFound(name)
        return found

    async def _number(
        self, tx: AsyncConnection, app_id: str, name: str, *, lock: bool = False
    ) -> int:
        """The webhook's number; `lock` so that no worker falls asleep meanwhile."""
        name = wire.parse_name("name", name)
        number = await webhooks.number_of(tx, wire.parse_app_id(app_id), name, lock=lock)
        if number is None:
            raise WebhookNotFound(name)
        return number
