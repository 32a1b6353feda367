"""Messages: sending one or many, and reading what was said."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from carillon.dispatch.v1 import message_service_pb2 as pb
from carillon.dispatch.v1.message_pb2 import Message, MessageStatus, Outcome
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door
from services.edge.expressions import write_expression
from services.edge.links import Links
from services.edge.names import PLATFORM_CODES
from services.edge.pages import Pager, read_page
from services.edge.rooms import Rooms
from services.edge.routes import reports
from services.edge.routing import Route
from services.edge.sends import Submitted, read_batch, read_send
from services.edge.times import write_time

MESSAGE_ID = re.compile(r"[A-Za-z0-9]{8}", re.ASCII)
REQUEST_ID = re.compile(r"[\x20-\x7e]{1,128}")
STATUS_WORDS: dict["MessageStatus.ValueType", str] = {
    MessageStatus.MESSAGE_STATUS_UNSPECIFIED: "UNKNOWN",
    MessageStatus.MESSAGE_STATUS_ACCEPTED: "ACCEPTED",
    MessageStatus.MESSAGE_STATUS_PROCESSING: "PROCESSING",
    MessageStatus.MESSAGE_STATUS_DISPATCHING: "DISPATCHING",
    MessageStatus.MESSAGE_STATUS_DISPATCHED: "DISPATCHED",
    MessageStatus.MESSAGE_STATUS_DISPATCHING_FAILED: "DISPATCHING_FAILED",
    MessageStatus.MESSAGE_STATUS_FAILED: "FAILED",
    MessageStatus.MESSAGE_STATUS_PROCESSING_FAILED: "PROCESSING_FAILED",
    MessageStatus.MESSAGE_STATUS_PAUSED: "PAUSED",
    MessageStatus.MESSAGE_STATUS_SCHEDULED: "SCHEDULED",
}


# What an application's report adds up. A gateway's word and a device's are two things: SENT counts
# all that were sent to, whatever they reported.
TOTALS: dict[str, frozenset["Outcome.ValueType"]] = {
    "sent": frozenset({Outcome.OUTCOME_SENT}),
    "seen": frozenset({Outcome.OUTCOME_SEEN, Outcome.OUTCOME_OPEN}),
    "open": frozenset({Outcome.OUTCOME_OPEN}),
    "invalid": frozenset({Outcome.OUTCOME_INVALID}),
}


class StatusBody(msgspec.Struct, rename="camel"):
    paused: bool | None = None


class Messages:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links
        self._pager = Pager(links)

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(
                APP + "/messages", POST=(Access.WRITE, self._send), GET=(Access.READ, self._list)
            ),
            door.route(APP + "/messages/report", GET=(Access.READ, self._report)),
            door.route(APP + "/messages/bulk", POST=(Access.WRITE, self._send_batch)),
        ]

    async def _send(self, call: Call) -> Response:
        send = read_send(await call.read_json())
        send.request.app_id = call.app_id
        send.request.request_id = _read_request_id(call)
        sent = await self._rooms.messages.SendMessage(send.request, timeout=self._rooms.timeout)
        # Both nestings that readers know: alert and url stand outside, and all of it inside.
        content = send.content
        outside = {"alert": content.alert, "url": content.url}
        echo: dict[str, Any] = {name: text for name, text in outside.items() if text}
        echo |= _list_members(send.submitted)
        return answer({"messageId": sent.message.message_id, "message": echo}, status=202)

    async def _send_batch(self, call: Call) -> Response:
        sends = read_batch(await call.read_json())
        request = pb.BatchSendMessagesRequest(
            app_id=call.app_id,
            messages=[send.request for send in sends],
            request_id=_read_request_id(call),
        )
        sent = await self._rooms.messages.BatchSendMessages(request, timeout=self._rooms.timeout)
        rendered = [self._render_short(message, call.app_id) for message in sent.messages]
        return answer({"messages": rendered}, status=202)

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        request = pb.ListMessagesRequest(
            app_id=call.app_id, page_size=page.size, page_token=page.cursor, skip=page.offset
        )
        listed = await self._rooms.messages.ListMessages(request, timeout=self._rooms.timeout)
        rendered = [self._render_short(message, call.app_id) for message in listed.messages]
        described = self._pager.tell(call.request, listed, len(rendered))
        return answer({"messages": rendered, "pageInfo": described})

    async def _report(self, call: Call) -> Response:
        """By the days of the messages. Cumulative: who opened a message has seen it too."""
        report = await self._rooms.messages.GetApplicationReport(
            pb.GetApplicationReportRequest(app_id=call.app_id, days=reports.read_days(call)),
            timeout=self._rooms.timeout,
        )
        days: dict[str, dict[str, dict[str, int]]] = {}
        for each in report.counts:
            code = PLATFORM_CODES.get(each.platform, "UNKNOWN")
            platform = days.setdefault(each.date, {}).setdefault(code, dict.fromkeys(TOTALS, 0))
            for name, outcomes in TOTALS.items():
                platform[name] += each.count if each.outcome in outcomes else 0
        rendered = [
            {"date": date, **_add_up(platforms.values()), "platforms": platforms}
            for date, platforms in days.items()
        ]
        whole = _add_up(platform for platforms in days.values() for platform in platforms.values())
        return answer({"messageReport": rendered, "total": whole})

    def _render_short(self, message: Message, app_id: str) -> dict[str, str]:
        return {
            "createdTime": write_time(message.create_time),
            "messageId": message.message_id,
            "alert": message.content.alert,
            "href": self._links.app(app_id, "messages", message.message_id),
        }


class SingleMessage:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links

    async def read(self, call: Call) -> Response:
        message = await self.get(call)
        rendered: dict[str, Any] = {
            "messageId": message.message_id,
            "alert": message.content.alert,
            "status": STATUS_WORDS.get(message.status, "UNKNOWN"),
            "createdTime": write_time(message.create_time),
            "href": self._links.app(call.app_id, "messages", message.message_id),
        }
        return answer(rendered | _recall(message))

    async def read_status(self, call: Call) -> Response:
        return _render_status(await self.get(call))

    async def change_status(self, call: Call) -> Response:
        """Pause or resume. Of a deleted message nothing is told, as everywhere."""
        body = await call.read(StatusBody)
        if body.paused is None:
            raise problems.required("paused")
        message = await self.get(call)
        key = {"app_id": call.app_id, "message_id": message.message_id}
        if body.paused:
            paused = await self._rooms.messages.PauseMessage(
                pb.PauseMessageRequest(**key), timeout=self._rooms.timeout
            )
            return _render_status(paused.message)
        resumed = await self._rooms.messages.ResumeMessage(
            pb.ResumeMessageRequest(**key), timeout=self._rooms.timeout
        )
        return _render_status(resumed.message)

    async def delete(self, call: Call) -> Response:
        message = await self.get(call)
        await self._rooms.messages.CancelMessage(
            pb.CancelMessageRequest(app_id=call.app_id, message_id=message.message_id),
            timeout=self._rooms.timeout,
        )
        return no_content()

    async def get(self, call: Call) -> Message:
        """The message, unless it was deleted: then it is absent."""
        message_id = read_message_id(call)
        read = await self._rooms.messages.GetMessage(
            pb.GetMessageRequest(app_id=call.app_id, message_id=message_id),
            timeout=self._rooms.timeout,
        )
        if is_deleted(read.message):
            raise problems.missing("Message", "messageId", message_id)
        return read.message


def _render_status(message: Message) -> Response:
    status = STATUS_WORDS.get(message.status, "UNKNOWN")
    return answer({"messageId": message.message_id, "status": status})


def _add_up(counted: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = dict.fromkeys(TOTALS, 0)
    for one in counted:
        for name in total:
            total[name] += one[name]
    return total


def is_deleted(message: Message) -> bool:
    return message.status == MessageStatus.MESSAGE_STATUS_CANCELLED


def read_message_id(call: Call) -> str:
    """The id in the path; Android asks for `null` when a push had none."""
    message_id = call.name("message_id")
    if not MESSAGE_ID.fullmatch(message_id):
        raise problems.missing("Message", "messageId", message_id)
    return message_id


def _read_request_id(call: Call) -> str:
    text = call.request.headers.get("idempotency-key", "")
    if text and not REQUEST_ID.fullmatch(text):
        raise problems.invalid("Idempotency-Key", "must be 1 to 128 printable ASCII characters")
    return text


def _list_members(submitted: Submitted) -> dict[str, Any]:
    names = zip(submitted.__struct_encode_fields__, submitted.__struct_fields__, strict=True)
    members = {encoded: getattr(submitted, name) for encoded, name in names}
    return {name: raw for name, raw in members.items() if raw is not msgspec.UNSET}


def _recall(message: Message) -> dict[str, Any]:
    """What was submitted; for what an internal caller sent otherwise, what it comes to."""
    try:
        members = _list_members(msgspec.json.decode(message.annotation, type=Submitted))
    except (msgspec.MsgspecError, RecursionError):
        members = {}
    if "message" not in members:
        content = message.content
        members["message"] = {"alert": content.alert} | (
            {"url": content.url} if content.url else {}
        )
    if "notBefore" not in members and message.HasField("start_time"):
        members["notBefore"] = write_time(message.start_time)
    if "expiresAt" not in members and message.HasField("expire_time"):
        members["expiresAt"] = write_time(message.expire_time)
    if "target" not in members and message.target.WhichOneof("kind") not in {None, "everyone"}:
        members["target"] = _render_target(message)
    return members


def _render_target(message: Message) -> dict[str, Any]:
    target = message.target
    match target.WhichOneof("kind"):
        case "platforms":
            codes = (PLATFORM_CODES.get(one, "UNKNOWN") for one in target.platforms.platforms)
            return {"platforms": list(codes)}
        case "expression":
            return {"expression": write_expression(target.expression)}
        case "tag_names":
            return {"tagNames": list(target.tag_names.names)}
        case "user_ids":
            return {"userIds": list(target.user_ids.names)}
        case _:
            return {"deviceIds": list(target.device_ids.names)}
