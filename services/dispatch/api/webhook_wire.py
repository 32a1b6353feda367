"""Webhooks between protobuf and the domain, checked field by field."""

import re
from dataclasses import dataclass
from uuid import UUID

from carillon.dispatch.v1 import webhook_pb2
from services.dispatch.api.wire import parse_name, parse_text, write_time
from services.dispatch.domain.webhooks import EventKind, Webhook, split_url
from services.dispatch.store.events import Posting
from services.kit.faults import FieldInvalid

MAX_URL = 2048
MAX_ANNOTATION = 4096
MAX_EVENT_IDS = 500
# What URLs are made of: anything else is read differently by different readers.
PLAIN = re.compile(r"[!-\[\]-~]+")
EVENT_ID = re.compile(r"evt_[0-9a-f]{32}")

KIND_FROM_WIRE: dict[int, EventKind] = {
    webhook_pb2.WEBHOOK_EVENT_DEVICE_REGISTERED: EventKind.DEVICE_REGISTERED,
    webhook_pb2.WEBHOOK_EVENT_DEVICE_UPDATED: EventKind.DEVICE_UPDATED,
    webhook_pb2.WEBHOOK_EVENT_DEVICE_UNREGISTERED: EventKind.DEVICE_UNREGISTERED,
    webhook_pb2.WEBHOOK_EVENT_SUBSCRIBED: EventKind.SUBSCRIBED,
    webhook_pb2.WEBHOOK_EVENT_UNSUBSCRIBED: EventKind.UNSUBSCRIBED,
    webhook_pb2.WEBHOOK_EVENT_NOTIFICATION_STATUS: EventKind.NOTIFICATION_STATUS,
    webhook_pb2.WEBHOOK_EVENT_NOTIFICATION_SENT: EventKind.NOTIFICATION_SENT,
    webhook_pb2.WEBHOOK_EVENT_NOTIFICATION_FAILED: EventKind.NOTIFICATION_FAILED,
}
KIND_TO_WIRE = {
    EventKind.DEVICE_REGISTERED: webhook_pb2.WEBHOOK_EVENT_DEVICE_REGISTERED,
    EventKind.DEVICE_UPDATED: webhook_pb2.WEBHOOK_EVENT_DEVICE_UPDATED,
    EventKind.DEVICE_UNREGISTERED: webhook_pb2.WEBHOOK_EVENT_DEVICE_UNREGISTERED,
    EventKind.SUBSCRIBED: webhook_pb2.WEBHOOK_EVENT_SUBSCRIBED,
    EventKind.UNSUBSCRIBED: webhook_pb2.WEBHOOK_EVENT_UNSUBSCRIBED,
    EventKind.NOTIFICATION_STATUS: webhook_pb2.WEBHOOK_EVENT_NOTIFICATION_STATUS,
    EventKind.NOTIFICATION_SENT: webhook_pb2.WEBHOOK_EVENT_NOTIFICATION_SENT,
    EventKind.NOTIFICATION_FAILED: webhook_pb2.WEBHOOK_EVENT_NOTIFICATION_FAILED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A webhook as it was asked for; `url` as it came, and taken apart."""

    name: str
    given_url: str
    url: str
    user_info: str
    kinds: EventKind
    annotation: str


def parse_webhook(webhook: webhook_pb2.Webhook) -> Asked:
    given = parse_name("webhook.url", webhook.url, MAX_URL)
    url, user_info = _split(given)
    return Asked(
        name=parse_name("webhook.name", webhook.name),
        given_url=given,
        url=url,
        user_info=user_info,
        kinds=_parse_kinds(webhook),
        annotation=parse_text("webhook.annotation", webhook.annotation, MAX_ANNOTATION),
    )


def _split(given: str) -> tuple[str, str]:
    if not PLAIN.fullmatch(given):
        raise FieldInvalid("webhook.url", "must be an URL")
    try:
        url, user_info = split_url(given)
    except ValueError:
        raise FieldInvalid("webhook.url", "must be an URL") from None
    if not url.lower().startswith(("https://", "http://")):
        raise FieldInvalid("webhook.url", "must begin with https://")
    if "#" in url:
        raise FieldInvalid("webhook.url", "must not hold a fragment")
    if "\r" in user_info or "\n" in user_info or "\0" in user_info:
        raise FieldInvalid("webhook.url", "must not hold control characters")
    return url, user_info


def _parse_kinds(webhook: webhook_pb2.Webhook) -> EventKind:
    kinds = EventKind(0)
    for number in webhook.events:
        kind = KIND_FROM_WIRE.get(number)
        if kind is None:
            raise FieldInvalid("webhook.events", "must hold known events alone")
        kinds |= kind
    if not kinds:
        raise FieldInvalid("webhook.events", "must hold at least one event")
    return kinds


def parse_event_ids(event_ids: list[str]) -> list[UUID]:
    if len(event_ids) > MAX_EVENT_IDS:
        raise FieldInvalid(
            "event_ids", f"must hold at most {MAX_EVENT_IDS} ids, not {len(event_ids)}"
        )
    for i, event_id in enumerate(event_ids):
        if not EVENT_ID.fullmatch(event_id):
            raise FieldInvalid(f"event_ids[{i}]", "must be an event's id")
    return [UUID(event_id.removeprefix("evt_")) for event_id in event_ids]


def write_webhook(webhook: Webhook) -> webhook_pb2.Webhook:
    return webhook_pb2.Webhook(
        name=webhook.name,
        url=webhook.shown_url,
        events=[KIND_TO_WIRE[kind] for kind in EventKind if kind & webhook.kinds],
        annotation=webhook.annotation,
        create_time=write_time(webhook.create_time),
        update_time=write_time(webhook.update_time),
    )


def write_dead_letter(posting: Posting) -> webhook_pb2.DeadLetter:
    return webhook_pb2.DeadLetter(
        event_id=posting.event_id,
        body=posting.body.decode(),
        attempts=posting.attempts,
        reason=posting.reason,
        create_time=write_time(posting.create_time),
    )
