"""Dispatch's webhooks, in memory."""

from typing import Any

from carillon.dispatch.v1 import webhook_service_pb2 as pb
from carillon.dispatch.v1 import webhook_service_pb2_grpc as rpc
from carillon.dispatch.v1.webhook_pb2 import DeadLetter, Webhook
from services.kit.faults import Code, FieldInvalid
from tests.edge.rooms.rules import Mood, check_text, fault, noon, turn_page

webhook_not_found = fault(Code.NOT_FOUND, "WEBHOOK_NOT_FOUND")
webhook_exists = fault(Code.ALREADY_EXISTS, "WEBHOOK_EXISTS")

SECRET = "whsec_c2VjcmV0"


class Webhooks(Mood, rpc.WebhookServiceServicer):
    def __init__(self) -> None:
        super().__init__()
        self.webhooks: dict[tuple[str, str], Webhook] = {}
        self.letters: dict[str, DeadLetter] = {}

    def add_to(self, server: Any) -> None:
        rpc.add_WebhookServiceServicer_to_server(self, server)

    def _know(self, app_id: str, name: str) -> Webhook:
        if (app_id, name) not in self.webhooks:
            raise webhook_not_found(name=name)
        return self.webhooks[app_id, name]

    def _keep(self, app_id: str, asked: Webhook) -> Webhook:
        check_text("webhook.name", asked.name, 254)
        if not asked.url.startswith("https://") or "127.0.0.1" in asked.url:
            raise FieldInvalid("webhook.url", "must be https and lead to the public internet")
        kept = Webhook()
        kept.CopyFrom(asked)
        kept.create_time.CopyFrom(noon())
        kept.update_time.CopyFrom(noon())
        self.webhooks[app_id, kept.name] = kept
        return kept

    async def CreateWebhook(self, request: Any, _context: Any) -> Any:
        await self.meet("CreateWebhook")
        if (request.app_id, request.webhook.name) in self.webhooks:
            raise webhook_exists(name=request.webhook.name)
        kept = self._keep(request.app_id, request.webhook)
        return pb.CreateWebhookResponse(webhook=kept, secret=SECRET)

    async def GetWebhook(self, request: Any, _context: Any) -> Any:
        await self.meet("GetWebhook")
        return pb.GetWebhookResponse(webhook=self._know(request.app_id, request.name))

    async def ListWebhooks(self, request: Any, _context: Any) -> Any:
        await self.meet("ListWebhooks")
        found = [one for _, one in sorted(self.webhooks.items(), key=lambda i: i[0])]
        page = turn_page(request, found, [request.app_id])
        return pb.ListWebhooksResponse(
            webhooks=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=len(found),
        )

    async def UpdateWebhook(self, request: Any, _context: Any) -> Any:
        await self.meet("UpdateWebhook")
        self._know(request.app_id, request.webhook.name)
        return pb.UpdateWebhookResponse(webhook=self._keep(request.app_id, request.webhook))

    async def DeleteWebhook(self, request: Any, _context: Any) -> Any:
        await self.meet("DeleteWebhook")
        self._know(request.app_id, request.name)
        del self.webhooks[request.app_id, request.name]
        return pb.DeleteWebhookResponse()

    async def RotateWebhookSecret(self, request: Any, _context: Any) -> Any:
        await self.meet("RotateWebhookSecret")
        self._know(request.app_id, request.name)
        return pb.RotateWebhookSecretResponse(secret=SECRET)

    async def ListDeadLetters(self, request: Any, _context: Any) -> Any:
        await self.meet("ListDeadLetters")
        self._know(request.app_id, request.name)
        page = turn_page(request, list(self.letters.values()), [request.name])
        return pb.ListDeadLettersResponse(
            dead_letters=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
        )

    async def ReplayDeadLetters(self, request: Any, _context: Any) -> Any:
        await self.meet("ReplayDeadLetters")
        self._know(request.app_id, request.name)
        meant = set(request.event_ids or self.letters) & set(self.letters)
        for event_id in meant:
            del self.letters[event_id]
        return pb.ReplayDeadLettersResponse(replayed_count=len(meant))
