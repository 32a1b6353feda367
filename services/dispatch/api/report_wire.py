"""Receipts and reports, as messages and as the domain has them."""

from carillon.dispatch.v1 import message_service_pb2 as pb
from carillon.dispatch.v1.error_reason_pb2 import ErrorReason
from services.dispatch.api import checks, wire
from services.dispatch.domain.faults import DeviceNotFound, MessageNotFound
from services.dispatch.domain.outcomes import DayCount, Outcome, OutcomeCount, Report
from services.kit.faults import FieldInvalid

MAX_DAYS = 366


def parse_report(request: pb.ReportReceiptRequest, prefix: str = "") -> Report:
    """A report; one of a message that cannot exist raises MessageNotFound."""
    outcome = wire.REPORTABLE.get(request.outcome)
    if outcome is None:
        raise FieldInvalid(f"{prefix}outcome", "must be OUTCOME_SEEN or OUTCOME_OPEN")
    return Report(
        wire.parse_app_id(request.app_id),
        wire.parse_message_id(request.message_id),
        checks.parse_name(f"{prefix}device_id", request.device_id),
        outcome,
    )


def write_verdict(answer: Outcome | Exception) -> pb.ReceiptVerdict:
    """What became of a report. What is no refusal of that report alone is raised."""
    match answer:
        case Outcome():
            return pb.ReceiptVerdict(outcome=wire.OUTCOME_TO_WIRE[answer])
        case MessageNotFound():
            return pb.ReceiptVerdict(refused=ErrorReason.ERROR_REASON_MESSAGE_NOT_FOUND)
        case DeviceNotFound():
            return pb.ReceiptVerdict(refused=ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND)
        case _:
            raise answer


def parse_days(days: int) -> int:
    if not 1 <= days <= MAX_DAYS:
        raise FieldInvalid("days", f"must be 1 to {MAX_DAYS}, not {days}")
    return days


def write_day_count(counted: DayCount) -> pb.DayCount:
    return pb.DayCount(
        date=counted.day.isoformat(),
        platform=wire.PLATFORM_TO_WIRE[counted.platform],
        outcome=wire.OUTCOME_TO_WIRE[counted.outcome],
        count=counted.count,
    )


def write_outcome_count(counted: OutcomeCount) -> pb.OutcomeCount:
    return pb.OutcomeCount(
        platform=wire.PLATFORM_TO_WIRE[counted.platform],
        outcome=wire.OUTCOME_TO_WIRE[counted.outcome],
        reason=counted.reason,
        count=counted.count,
    )
