"""Changes, what happens to devices, and positions in their feeds."""

from datetime import timedelta
from uuid import UUID

from carillon.registry.v1 import change_service_pb2
from services.kit import paging
from services.kit.faults import FieldInvalid, PageTokenInvalid
from services.registry.api.wire import checks, platform
from services.registry.domain.change import (
    START,
    Change,
    ChangeKind,
    DeviceEvent,
    DeviceEventKind,
    Position,
)

DEFAULT_PAGE = 500
MAX_PAGE = 1000
MAX_NUMBER = 2**63 - 1
MAX_WATCHED = 1000
MAX_WATCH = timedelta(days=30)
FEED = ("changes",)

EVENT_TO_WIRE = {
    DeviceEventKind.REGISTERED: change_service_pb2.DEVICE_EVENT_KIND_REGISTERED,
    DeviceEventKind.UPDATED: change_service_pb2.DEVICE_EVENT_KIND_UPDATED,
    DeviceEventKind.UNREGISTERED: change_service_pb2.DEVICE_EVENT_KIND_UNREGISTERED,
}


def parse_position(text: str) -> Position:
    try:
        position = paging.read_token(text, FEED, tuple[int, int])
    except PageTokenInvalid:
        raise FieldInvalid("position", "is not one that this feed gave out") from None
    if position is None:
        return START
    if not all(0 <= number <= MAX_NUMBER for number in position):
        raise FieldInvalid("position", "is not one that this feed gave out")
    return Position(*position)


def write_position(position: Position) -> str:
    return paging.write_token(FEED, position)


def parse_page_size(value: int) -> int:
    return checks.number("page_size", value, 0, MAX_PAGE) or DEFAULT_PAGE


def show(change: Change) -> change_service_pb2.Change:
    shown = change_service_pb2.Change(app_id=str(change.app_id))
    match change.kind:
        case ChangeKind.DEVICE_DELETED:
            shown.device_deleted_uid = change.uid or 0
        case ChangeKind.APPLICATION_DELETED:
            shown.application_deleted = True
    return shown


def parse_app_ids(request: change_service_pb2.WatchDevicesRequest) -> list[UUID]:
    if not 1 <= len(request.app_ids) <= MAX_WATCHED:
        raise FieldInvalid("app_ids", f"must hold 1 to {MAX_WATCHED} ids")
    return [checks.guid("app_ids", app_id) for app_id in request.app_ids]


def parse_duration(request: change_service_pb2.WatchDevicesRequest) -> timedelta:
    if not 0 <= request.duration.seconds <= MAX_WATCH.total_seconds():
        raise FieldInvalid("duration", "must be 0 to 30 days")
    return request.duration.ToTimedelta()


def show_event(event: DeviceEvent) -> change_service_pb2.DeviceEvent:
    shown = change_service_pb2.DeviceEvent(
        app_id=str(event.app_id),
        kind=EVENT_TO_WIRE[event.kind],
        uid=event.uid,
        device_id=event.device_id,
        user_id=event.user_id or "",
        platform=platform.TO_WIRE[event.platform],
        address=event.address,
    )
    shown.event_time.FromDatetime(event.time)
    return shown
