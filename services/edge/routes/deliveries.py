"""What came of one message: status, report, each device's outcome, and what devices report."""

import msgspec
from starlette.responses import Response

from carillon.dispatch.v1 import message_service_pb2 as pb
from carillon.dispatch.v1.message_pb2 import Delivery, Outcome
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.links import Links
from services.edge.names import PLATFORM_CODES
from services.edge.pages import Pager, read_page
from services.edge.receipts import Receipts
from services.edge.rooms import Rooms
from services.edge.routes.devices import ANONYMOUS, read_asked_user
from services.edge.routes.messages import SingleMessage, read_message_id
from services.edge.routing import Route
from services.edge.times import write_time

OUTCOME_WORDS: dict["Outcome.ValueType", str] = {
    Outcome.OUTCOME_UNSPECIFIED: "PENDING",
    Outcome.OUTCOME_PENDING: "PENDING",
    Outcome.OUTCOME_SENT: "SENT",
    Outcome.OUTCOME_SEEN: "SEEN",
    Outcome.OUTCOME_OPEN: "OPEN",
    Outcome.OUTCOME_INVALID: "INVALID",
    Outcome.OUTCOME_FAILED: "FAILED",
    Outcome.OUTCOME_EXPIRED: "EXPIRED",
    Outcome.OUTCOME_CANCELLED: "CANCELLED",
    # The REST API has no words of its own for these; the failure reason tells them apart.
    Outcome.OUTCOME_WITHDRAWN: "CANCELLED",
    Outcome.OUTCOME_DUPLICATE: "CANCELLED",
}
CANCEL_REASONS: dict["Outcome.ValueType", str] = {
    Outcome.OUTCOME_WITHDRAWN: "WITHDRAWN",
    Outcome.OUTCOME_DUPLICATE: "DUPLICATE",
}
RECEIPTS = {"SEEN": Outcome.OUTCOME_SEEN, "OPEN": Outcome.OUTCOME_OPEN}
BUCKETS = {
    Outcome.OUTCOME_SENT: "sent",
    Outcome.OUTCOME_SEEN: "seen",
    Outcome.OUTCOME_OPEN: "open",
    Outcome.OUTCOME_INVALID: "invalid",
}


class ReceiptBody(msgspec.Struct, rename="camel"):
    device_id: str | None = None
    status: str | None = None


class Deliveries:
    def __init__(
        self, rooms: Rooms, links: Links, single: SingleMessage, receipts: Receipts
    ) -> None:
        self._rooms = rooms
        self._pager = Pager(links)
        self._single = single
        self._receipts = receipts

    def routes(self, door: Door) -> list[Route]:
        path = APP + "/messages/{message_id}"
        return [
            door.route(
                path,
                GET=(Access.CLIENT_READ, self._single.read),
                PUT=(Access.CLIENT_WRITE, self._report_receipt),
                DELETE=(Access.MANAGE, self._single.delete),
            ),
            door.route(
                path + "/status",
                GET=(Access.READ, self._single.read_status),
                PUT=(Access.WRITE, self._single.change_status),
            ),
            door.route(path + "/report", GET=(Access.READ, self._read_report)),
            door.route(
                path + "/deliverystatus",
                GET=(Access.READ, self._list),
                PUT=(Access.CLIENT_WRITE, self._report_receipt),
            ),
        ]

    async def _read_report(self, call: Call) -> Response:
        """Devices by the furthest they came, each counted once."""
        message = await self._single.get(call)
        read = await self._rooms.messages.GetMessageReport(
            pb.GetMessageReportRequest(app_id=call.app_id, message_id=message.message_id),
            timeout=self._rooms.timeout,
        )
        total = dict.fromkeys(BUCKETS.values(), 0)
        platforms: dict[str, dict[str, int]] = {}
        for count in read.counts:
            code = PLATFORM_CODES.get(count.platform, "UNKNOWN")
            platform = platforms.setdefault(code, dict.fromkeys(BUCKETS.values(), 0))
            bucket = BUCKETS.get(count.outcome)
            if bucket:
                total[bucket] += count.count
                platform[bucket] += count.count
        return answer({"messageId": message.message_id, **total, "platforms": platforms})

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        message = await self._single.get(call)
        request = pb.ListDeliveriesRequest(
            app_id=call.app_id,
            message_id=message.message_id,
            page_size=page.size,
            page_token=page.cursor,
            skip=page.offset,
            device_id=call.query("deviceId") or None,
            user_id=read_asked_user(call),
        )
        listed = await self._rooms.messages.ListDeliveries(request, timeout=self._rooms.timeout)
        outcomes = [_render(delivery) for delivery in listed.deliveries]
        described = self._pager.tell(call.request, listed, len(outcomes))
        return answer(
            {
                "messageId": message.message_id,
                "deliveryStatus": outcomes,
                "pageInfo": described,
            }
        )

    async def _report_receipt(self, call: Call) -> Response:
        """Note SEEN or OPEN. The body is read first: a wrong one is wrong for any message."""
        body = await call.read(ReceiptBody)
        if not body.device_id:
            raise problems.required("deviceId")
        outcome = RECEIPTS.get((body.status or "").upper())
        if outcome is None:
            raise problems.invalid("status", f"must be SEEN or OPEN, not '{body.status or ''}'")
        message_id = read_message_id(call)
        noted = await self._receipts.report(call.app_id, message_id, body.device_id, outcome)
        return answer(
            {
                "messageId": message_id,
                "deviceId": body.device_id,
                "status": OUTCOME_WORDS.get(noted, "UNKNOWN"),
            }
        )


def _render(delivery: Delivery) -> dict[str, str]:
    rendered = {
        "deviceId": delivery.device_id,
        "userId": delivery.user_id or ANONYMOUS,
        "platform": PLATFORM_CODES.get(delivery.platform, "UNKNOWN"),
        "status": OUTCOME_WORDS.get(delivery.outcome, "UNKNOWN"),
    }
    reason = delivery.reason
    if delivery.outcome in CANCEL_REASONS:
        reason = reason or CANCEL_REASONS[delivery.outcome]
    if reason:
        rendered["failureReason"] = reason
    if delivery.HasField("update_time"):
        rendered["lastUpdatedTime"] = write_time(delivery.update_time)
    return rendered
