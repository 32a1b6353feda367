"""Changes and positions in their feed."""

from carillon.registry.v1 import change_service_pb2
from services.kit import paging
from services.kit.faults import FieldInvalid, PageTokenInvalid
from services.registry.api.wire import checks
from services.registry.domain.change import START, Change, ChangeKind, Position

DEFAULT_PAGE = 500
MAX_PAGE = 1000
MAX_NUMBER = 2**63 - 1
FEED = ("changes",)


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
