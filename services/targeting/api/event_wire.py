"""What happens to subscriptions, and positions in its feed, between messages and the domain."""

from datetime import timedelta
from uuid import UUID

from carillon.targeting.v1 import change_service_pb2
from services.kit import paging
from services.kit.faults import FieldInvalid, PageTokenInvalid
from services.targeting.api import checks
from services.targeting.domain.events import START, EventKind, Position, SubscriptionEvent
from services.targeting.domain.subscriptions import write_subscription_id

DEFAULT_PAGE = 500
MAX_PAGE = 1000
MAX_WATCHED = 1000
MAX_WATCH = timedelta(days=30)
FEED = ("subscription_events",)

TO_WIRE = {
    EventKind.SUBSCRIBED: change_service_pb2.SUBSCRIPTION_EVENT_KIND_SUBSCRIBED,
    EventKind.UNSUBSCRIBED: change_service_pb2.SUBSCRIPTION_EVENT_KIND_UNSUBSCRIBED,
}


def parse_app_ids(request: change_service_pb2.WatchSubscriptionsRequest) -> list[UUID]:
    checks.size("app_ids", request.app_ids, MAX_WATCHED)
    return [checks.app_id(app_id) for app_id in request.app_ids]


def parse_duration(request: change_service_pb2.WatchSubscriptionsRequest) -> timedelta:
    if not 0 <= request.duration.seconds <= MAX_WATCH.total_seconds():
        raise FieldInvalid("duration", "must be 0 to 30 days")
    return request.duration.ToTimedelta()


def parse_position(text: str) -> Position:
    try:
        position = paging.read_token(text, FEED, tuple[paging.Number, paging.Number])
    except PageTokenInvalid:
        raise FieldInvalid("position", "is not one that this feed gave out") from None
    return START if position is None else Position(*position)


def write_position(position: Position) -> str:
    return paging.write_token(FEED, position)


def parse_page_size(value: int) -> int:
    if not 0 <= value <= MAX_PAGE:
        raise FieldInvalid("page_size", f"must be 0 to {MAX_PAGE}, not {value}")
    return value or DEFAULT_PAGE


def render_event(event: SubscriptionEvent) -> change_service_pb2.SubscriptionEvent:
    shown = change_service_pb2.SubscriptionEvent(
        app_id=str(event.app_id),
        kind=TO_WIRE[event.kind],
        uid=event.uid,
        tag_name=event.tag_name,
        subscription_id=write_subscription_id(event.uid, event.tag_id),
    )
    shown.event_time.FromDatetime(event.time)
    return shown
