"""What devices report, handed on in groups: a storm of them costs dispatch few calls.

While a call is under way the next reports gather; alone, a report goes at once.
"""

from collections.abc import Sequence

from carillon.dispatch.v1 import message_service_pb2 as pb
from carillon.dispatch.v1.error_reason_pb2 import ErrorReason
from carillon.dispatch.v1.message_pb2 import Outcome
from services.edge import problems
from services.edge.problems import Problem
from services.edge.rooms import Rooms
from services.kit.batching import Coalescer

MAX_BATCH = 500
# One group is written while the next is on its way.
MAX_CALLS = 2

Answer = "Outcome.ValueType"


class Receipts:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._group: Coalescer[pb.ReportReceiptRequest, Outcome.ValueType] = Coalescer(
            self._hand_on, max_batch=MAX_BATCH, max_flushes=MAX_CALLS
        )

    async def report(
        self, app_id: str, message_id: str, device_id: str, outcome: "Outcome.ValueType"
    ) -> "Outcome.ValueType":
        """The furthest the device has come, this report included.

        Raises:
            Problem: 404 if there is no such message or device.
        """
        return await self._group.call(
            pb.ReportReceiptRequest(
                app_id=app_id, message_id=message_id, device_id=device_id, outcome=outcome
            )
        )

    async def _hand_on(
        self, reports: list[pb.ReportReceiptRequest]
    ) -> "Sequence[Outcome.ValueType | Exception]":
        answer = await self._rooms.messages.BatchReportReceipts(
            pb.BatchReportReceiptsRequest(reports=reports), timeout=self._rooms.timeout
        )
        return [
            _explain(report, verdict.refused) if verdict.refused else verdict.outcome
            for report, verdict in zip(reports, answer.verdicts, strict=True)
        ]


def _explain(report: pb.ReportReceiptRequest, reason: "ErrorReason.ValueType") -> Problem:
    if reason == ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND:
        return problems.missing("Device", "deviceId", report.device_id)
    return problems.missing("Message", "messageId", report.message_id)
