"""Webhooks: where an application is told what happens, and what could not be told."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from carillon.dispatch.v1 import webhook_service_pb2 as pb
from carillon.dispatch.v1.webhook_pb2 import DeadLetter, Webhook, WebhookEvent
from services.edge import bodies, problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door
from services.edge.links import Links
from services.edge.pages import Pager, read_page
from services.edge.rooms import Rooms
from services.edge.routing import Route
from services.edge.times import write_time

TYPES = {
    "onDeviceRegister": WebhookEvent.WEBHOOK_EVENT_DEVICE_REGISTERED,
    "onDeviceUpdate": WebhookEvent.WEBHOOK_EVENT_DEVICE_UPDATED,
    "onDeviceUnregister": WebhookEvent.WEBHOOK_EVENT_DEVICE_UNREGISTERED,
    "onSubscribe": WebhookEvent.WEBHOOK_EVENT_SUBSCRIBED,
    "onUnsubscribe": WebhookEvent.WEBHOOK_EVENT_UNSUBSCRIBED,
    "onNotificationStatusChange": WebhookEvent.WEBHOOK_EVENT_NOTIFICATION_STATUS,
    "onNotificationSent": WebhookEvent.WEBHOOK_EVENT_NOTIFICATION_SENT,
    "onNotificationFailure": WebhookEvent.WEBHOOK_EVENT_NOTIFICATION_FAILED,
}
NAMES = {event: name for name, event in TYPES.items()}
# Names in any case, with the older ones that samples still use.
KNOWN = {name.lower(): event for name, event in TYPES.items()} | {
    "onnotificationsend": WebhookEvent.WEBHOOK_EVENT_NOTIFICATION_SENT
}
ALL = "*"
# The names of 2017 would tell twice what the others tell.
TODAY = list(TYPES.values())[:6]
MAX_TYPES = 50
MAX_EVENT_IDS = 500


class WebhookBody(msgspec.Struct, rename="camel"):
    name: str | None = None
    url: str | None = None
    event_types: str | list[str] | None = None


class ReplayBody(msgspec.Struct, rename="camel"):
    event_ids: list[str] | None = None


class Webhooks:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links
        self._pager = Pager(links)

    def routes(self, door: Door) -> list[Route]:
        """Without a name DELETE is refused: which one it means nobody can tell.

        Names may have slashes in them, so what stands below a webhook comes before it.
        """
        one = APP + "/webhooks/{name:path}"
        return [
            door.route(
                APP + "/webhooks",
                GET=(Access.READ, self._list),
                POST=(Access.WRITE, self._create),
            ),
            door.route(one + "/secret", POST=(Access.MANAGE, self._rotate)),
            door.route(one + "/deadLetters", GET=(Access.READ, self._list_dead)),
            door.route(one + "/deadLetters/replay", POST=(Access.WRITE, self._replay)),
            door.route(
                one,
                GET=(Access.READ, self._read),
                PUT=(Access.WRITE, self._update),
                DELETE=(Access.MANAGE, self._delete),
            ),
        ]

    async def _create(self, call: Call) -> Response:
        body = await call.read(WebhookBody)
        if not body.name:
            raise problems.required("name")
        request = pb.CreateWebhookRequest(
            app_id=call.app_id, webhook=_read_webhook(body, body.name)
        )
        created = await self._rooms.webhooks.CreateWebhook(request, timeout=self._rooms.timeout)
        rendered = self._render(created.webhook, call.app_id)
        return answer(rendered | {"secret": created.secret}, status=201)

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        request = pb.ListWebhooksRequest(
            app_id=call.app_id, page_size=page.size, page_token=page.cursor, skip=page.offset
        )
        listed = await self._rooms.webhooks.ListWebhooks(request, timeout=self._rooms.timeout)
        found = [self._render(webhook, call.app_id) for webhook in listed.webhooks]
        described = self._pager.tell(call.request, listed, len(found))
        return answer({"webhooks": found, "pageInfo": described})

    async def _read(self, call: Call) -> Response:
        request = pb.GetWebhookRequest(app_id=call.app_id, name=call.name("name"))
        read = await self._rooms.webhooks.GetWebhook(request, timeout=self._rooms.timeout)
        return answer(self._render(read.webhook, call.app_id))

    async def _update(self, call: Call) -> Response:
        name = call.name("name")
        body = await call.read(WebhookBody)
        if body.name not in {None, name}:
            raise problems.invalid("name", "cannot be changed")
        request = pb.UpdateWebhookRequest(app_id=call.app_id, webhook=_read_webhook(body, name))
        updated = await self._rooms.webhooks.UpdateWebhook(request, timeout=self._rooms.timeout)
        return answer(self._render(updated.webhook, call.app_id))

    async def _delete(self, call: Call) -> Response:
        request = pb.DeleteWebhookRequest(app_id=call.app_id, name=call.name("name"))
        await self._rooms.webhooks.DeleteWebhook(request, timeout=self._rooms.timeout)
        return no_content()

    async def _rotate(self, call: Call) -> Response:
        request = pb.RotateWebhookSecretRequest(app_id=call.app_id, name=call.name("name"))
        rotated = await self._rooms.webhooks.RotateWebhookSecret(
            request, timeout=self._rooms.timeout
        )
        return answer({"name": request.name, "secret": rotated.secret})

    async def _list_dead(self, call: Call) -> Response:
        page = read_page(call.request)
        request = pb.ListDeadLettersRequest(
            app_id=call.app_id,
            name=call.name("name"),
            page_size=page.size,
            page_token=page.cursor,
            skip=page.offset,
        )
        listed = await self._rooms.webhooks.ListDeadLetters(request, timeout=self._rooms.timeout)
        found = [_render_dead(letter) for letter in listed.dead_letters]
        described = self._pager.tell(call.request, listed, len(found))
        return answer({"deadLetters": found, "pageInfo": described})

    async def _replay(self, call: Call) -> Response:
        raw = await call.read_json()
        # Nothing named means all.
        asked = bodies.convert(bodies.decode(raw or b"{}"), ReplayBody)
        event_ids = asked.event_ids or []
        if len(event_ids) > MAX_EVENT_IDS:
            raise problems.invalid("eventIds", f"must hold at most {MAX_EVENT_IDS} ids")
        request = pb.ReplayDeadLettersRequest(
            app_id=call.app_id, name=call.name("name"), event_ids=event_ids
        )
        replayed = await self._rooms.webhooks.ReplayDeadLetters(
            request, timeout=self._rooms.timeout
        )
        return answer({"replayed": replayed.replayed_count}, status=202)

    def _render(self, webhook: Webhook, app_id: str) -> dict[str, Any]:
        return {
            "name": webhook.name,
            "url": webhook.url,
            "eventTypes": _recall_types(webhook),
            "createdTime": write_time(webhook.create_time),
            "lastUpdatedTime": write_time(webhook.update_time),
            "href": self._links.app(app_id, "webhooks", webhook.name),
        }


def _read_webhook(body: WebhookBody, name: str) -> Webhook:
    if not body.url:
        raise problems.required("url")
    if not body.event_types:
        raise problems.required("eventTypes")
    return Webhook(
        name=name,
        url=body.url,
        events=_read_types(body.event_types),
        annotation=msgspec.json.encode(body.event_types).decode(),
    )


def _read_types(given: str | list[str]) -> Sequence["WebhookEvent.ValueType"]:
    """The events meant: a list, a text with commas in it, or `*` for all."""
    listed = given.split(",") if isinstance(given, str) else given
    names = [name.strip() for name in listed if name.strip()]
    if not 1 <= len(names) <= MAX_TYPES:
        raise problems.invalid("eventTypes", f"must hold 1 to {MAX_TYPES} names")
    meant: dict[WebhookEvent.ValueType, None] = {}
    for name in names:
        if name != ALL and name.lower() not in KNOWN:
            allowed = ", ".join([*TYPES, ALL])
            raise problems.invalid("eventTypes", f"must be of {allowed}, not '{name}'")
        meant |= dict.fromkeys(TODAY if name == ALL else [KNOWN[name.lower()]])
    return list(meant)


def _recall_types(webhook: Webhook) -> object:
    """In the form in which they were given: callers compare it with theirs."""
    try:
        return msgspec.json.decode(webhook.annotation, type=str | list[str])
    except msgspec.MsgspecError:
        return [NAMES[event] for event in webhook.events]


def _render_dead(letter: DeadLetter) -> dict[str, Any]:
    return {
        "eventId": letter.event_id,
        "event": msgspec.Raw(letter.body.encode()),
        "attempts": letter.attempts,
        "reason": letter.reason,
        "createdTime": write_time(letter.create_time),
    }
