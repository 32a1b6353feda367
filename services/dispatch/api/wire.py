"""Between protobuf and the domain. What comes in is checked here, field by field."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from carillon.dispatch.v1 import message_pb2, message_service_pb2
from carillon.type.v1 import target_pb2
from services.dispatch.api import checks, contents, expression_wire, platform_wire
from services.dispatch.domain import ids
from services.dispatch.domain.channels import Channel
from services.dispatch.domain.faults import MessageNotFound
from services.dispatch.domain.messages import (
    Message,
    Platform,
    Status,
    Submission,
    Target,
    TargetKind,
)
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.schedules import HORIZON, Schedule
from services.kit.faults import FieldInvalid

GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
NO_CHANNELS: Mapping[str, Channel] = {}
MAX_NAMES = 1000
MAX_ANNOTATION = 65_536
MAX_REQUEST_ID = 128

is_name, parse_name, parse_text = checks.is_name, checks.parse_name, checks.parse_text

PLATFORM_TO_WIRE = platform_wire.PLATFORM_TO_WIRE
PLATFORM_FROM_WIRE = platform_wire.PLATFORM_FROM_WIRE

STATUS_TO_WIRE = {
    Status.SCHEDULED: message_pb2.MESSAGE_STATUS_SCHEDULED,
    Status.ACCEPTED: message_pb2.MESSAGE_STATUS_ACCEPTED,
    Status.PROCESSING: message_pb2.MESSAGE_STATUS_PROCESSING,
    Status.DISPATCHING: message_pb2.MESSAGE_STATUS_DISPATCHING,
    Status.DISPATCHED: message_pb2.MESSAGE_STATUS_DISPATCHED,
    Status.DISPATCHING_FAILED: message_pb2.MESSAGE_STATUS_DISPATCHING_FAILED,
    Status.FAILED: message_pb2.MESSAGE_STATUS_FAILED,
    Status.PROCESSING_FAILED: message_pb2.MESSAGE_STATUS_PROCESSING_FAILED,
    Status.CANCELLED: message_pb2.MESSAGE_STATUS_CANCELLED,
}

OUTCOME_TO_WIRE = {
    Outcome.PENDING: message_pb2.OUTCOME_PENDING,
    Outcome.SENT: message_pb2.OUTCOME_SENT,
    Outcome.SEEN: message_pb2.OUTCOME_SEEN,
    Outcome.OPEN: message_pb2.OUTCOME_OPEN,
    Outcome.INVALID: message_pb2.OUTCOME_INVALID,
    Outcome.FAILED: message_pb2.OUTCOME_FAILED,
    Outcome.EXPIRED: message_pb2.OUTCOME_EXPIRED,
    Outcome.CANCELLED: message_pb2.OUTCOME_CANCELLED,
    Outcome.WITHDRAWN: message_pb2.OUTCOME_WITHDRAWN,
    Outcome.DUPLICATE: message_pb2.OUTCOME_DUPLICATE,
}
REPORTABLE: dict[int, Outcome] = {
    message_pb2.OUTCOME_SEEN: Outcome.SEEN,
    message_pb2.OUTCOME_OPEN: Outcome.OPEN,
}


def parse_app_id(text: str) -> UUID:
    if not GUID.fullmatch(text):
        raise FieldInvalid("app_id", "must be a GUID")
    return UUID(text)


def parse_message_id(text: str) -> str:
    """What cannot be an id of ours is no message's."""
    if not ids.is_message_id(text):
        raise MessageNotFound(text[: checks.MAX_NAME].replace("\x00", ""))
    return text


def parse_submission(
    app_id: UUID,
    request: message_service_pb2.SendMessageRequest,
    trace_parent: str,
    prefix: str = "",
    known: Mapping[str, Channel] = NO_CHANNELS,
) -> Submission:
    """A submission from a request; `prefix` names it within a batch.

    `known` are the channels that stand for the ids in it.
    """
    message = request.message
    return Submission(
        app_id,
        contents.parse_content(f"{prefix}message.content", message.content, known),
        parse_target(f"{prefix}message.target", message.target),
        _parse_annotation(f"{prefix}message.annotation", message.annotation),
        trace_parent,
        _parse_schedule(f"{prefix}message", message),
    )


def _parse_schedule(field: str, message: message_pb2.Message) -> Schedule:
    """Whether it lies ahead is asked later: what was in time once may be repeated."""
    start = end = None
    if message.HasField("start_time"):
        start = _parse_time(f"{field}.start_time", message.start_time)
    if message.HasField("expire_time"):
        end = _parse_time(f"{field}.expire_time", message.expire_time)
    if start and end and end <= start:
        raise FieldInvalid(f"{field}.expire_time", "must be after the time at which it starts")
    return Schedule(start, end)


def check_schedule(field: str, schedule: Schedule, now: datetime) -> None:
    """Raises FieldInvalid if one of its times is past, or beyond the horizon."""
    for name, moment in (("start_time", schedule.start), ("expire_time", schedule.end)):
        if moment is not None and moment <= now:
            raise FieldInvalid(f"{field}.{name}", f"must be in the future; it is {_tell(now)} here")
        if moment is not None and moment > now + HORIZON:
            raise FieldInvalid(f"{field}.{name}", f"must be at most {HORIZON.days} days ahead")


def _tell(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _parse_time(field: str, value: Timestamp) -> datetime:
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise FieldInvalid(field, "must be a time between the years 1 and 9999") from None


def _parse_annotation(field: str, text: str) -> str:
    size = len(text.encode())
    if size > MAX_ANNOTATION:
        raise FieldInvalid(field, f"must be at most {MAX_ANNOTATION} bytes, not {size}")
    return checks.parse_json(field, text, MAX_ANNOTATION)


def parse_target(field: str, target: target_pb2.Target) -> Target:
    match target.WhichOneof("kind"):
        case "everyone":
            return Target(TargetKind.EVERYONE)
        case "platforms":
            return Target(
                TargetKind.PLATFORMS,
                platforms=_parse_platforms(f"{field}.platforms", target.platforms),
            )
        case "expression":
            return Target(
                TargetKind.EXPRESSION,
                expression=expression_wire.parse_expression(
                    f"{field}.expression", target.expression
                ),
            )
        case "tag_names":
            return _parse_named(f"{field}.tag_names", TargetKind.TAGS, target.tag_names)
        case "user_ids":
            return _parse_named(f"{field}.user_ids", TargetKind.USERS, target.user_ids)
        case "device_ids":
            return _parse_named(f"{field}.device_ids", TargetKind.DEVICES, target.device_ids)
        case None:
            raise FieldInvalid(field, "must name exactly one kind of target")


def _parse_named(field: str, kind: TargetKind, names: target_pb2.NameList) -> Target:
    if not 1 <= len(names.names) <= MAX_NAMES:
        raise FieldInvalid(field, f"must hold 1 to {MAX_NAMES} names, not {len(names.names)}")
    unique = dict.fromkeys(parse_name(f"{field}[{i}]", n) for i, n in enumerate(names.names))
    return Target(kind, names=tuple(unique))


def _parse_platforms(field: str, listed: target_pb2.PlatformList) -> tuple[Platform, ...]:
    platforms = {PLATFORM_FROM_WIRE.get(number, Platform.MIXED) for number in listed.platforms}
    if not platforms or Platform.MIXED in platforms:
        raise FieldInvalid(field, "must hold 1 to 6 known platforms")
    return tuple(sorted(platforms))


def write_target(target: Target) -> target_pb2.Target:
    if target.expression is not None:
        written = expression_wire.write_expression(target.expression)
        return target_pb2.Target(expression=written)
    match target.kind:
        case TargetKind.EVERYONE:
            return target_pb2.Target(everyone=target_pb2.Everyone())
        case TargetKind.PLATFORMS:
            numbers = [PLATFORM_TO_WIRE[platform] for platform in target.platforms]
            return target_pb2.Target(platforms=target_pb2.PlatformList(platforms=numbers))
    names = target_pb2.NameList(names=target.names)
    match target.kind:
        case TargetKind.TAGS:
            return target_pb2.Target(tag_names=names)
        case TargetKind.USERS:
            return target_pb2.Target(user_ids=names)
        case _:
            return target_pb2.Target(device_ids=names)


def write_message(message: Message) -> message_pb2.Message:
    return message_pb2.Message(
        message_id=message.message_id,
        content=contents.write_content(message.content),
        target=write_target(message.target),
        annotation=message.annotation,
        status=_write_status(message),
        create_time=write_time(message.create_time),
        end_time=_write_maybe(message.end_time),
        start_time=_write_maybe(message.schedule.start),
        expire_time=_write_maybe(message.schedule.end),
    )


def _write_maybe(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else write_time(moment)


def _write_status(message: Message) -> "message_pb2.MessageStatus.ValueType":
    if message.is_paused and message.end_time is None:
        return message_pb2.MESSAGE_STATUS_PAUSED
    return STATUS_TO_WIRE[message.status]


def write_time(moment: datetime) -> Timestamp:
    written = Timestamp()
    written.FromDatetime(moment.astimezone(UTC))
    return written
