"""MessageService: takes messages, and answers for what came of them."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.dispatch.v1 import message_pb2, message_service_pb2_grpc
from carillon.dispatch.v1 import message_service_pb2 as pb
from services.dispatch import deliveries
from services.dispatch.acceptance import Acceptance
from services.dispatch.api import report_wire, wire
from services.dispatch.domain.channels import Channel
from services.dispatch.domain.faults import (
    DeviceNotFound,
    MessageNotFound,
    PayloadTooLarge,
    TargetUnknown,
)
from services.dispatch.domain.messages import Message, Submission, Target, TargetKind
from services.dispatch.domain.outcomes import Delivery, Outcome, Report
from services.dispatch.domain.rooms import Directory, Identity
from services.dispatch.gateways.limits import SizeLimits
from services.dispatch.halting import Halting
from services.dispatch.receiving import Answer, Receiving
from services.dispatch.store import channels, counts, messages
from services.dispatch.tracing import current_trace_parent
from services.kit import paging
from services.kit.faults import FieldInvalid

Context = grpc.aio.ServicerContext[Any, Any]

MAX_BATCH = 1000


class MessageServicer(message_service_pb2_grpc.MessageServiceServicer):
    def __init__(
        self,
        db: AsyncEngine,
        acceptance: Acceptance,
        receiving: Receiving,
        halting: Halting,
        directory: Directory,
        limits: SizeLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._acceptance = acceptance
        self._receiving = receiving
        self._halting = halting
        self._directory = directory
        self._limits = limits
        self._clock = clock

    async def SendMessage(
        self, request: pb.SendMessageRequest, _context: Context
    ) -> pb.SendMessageResponse:
        app_id = wire.parse_app_id(request.app_id)
        known = await self._read_channels(app_id, [request])
        submissions = await self._check(app_id, {"": request}, known)
        accepted = await self._accept(app_id, request, request.request_id, submissions)
        return pb.SendMessageResponse(message=wire.write_message(accepted[0]))

    async def BatchSendMessages(
        self, request: pb.BatchSendMessagesRequest, _context: Context
    ) -> pb.BatchSendMessagesResponse:
        app_id = wire.parse_app_id(request.app_id)
        if not 1 <= len(request.messages) <= MAX_BATCH:
            raise FieldInvalid("messages", f"must hold 1 to {MAX_BATCH} entries")
        known = await self._read_channels(app_id, request.messages)
        parts = {f"messages[{number}].": part for number, part in enumerate(request.messages)}
        submissions = await self._check(app_id, parts, known)
        accepted = await self._accept(app_id, request, request.request_id, submissions)
        return pb.BatchSendMessagesResponse(messages=map(wire.write_message, accepted))

    async def GetMessage(
        self, request: pb.GetMessageRequest, _context: Context
    ) -> pb.GetMessageResponse:
        async with self._db.connect() as connection:
            message = await self._find(connection, request.app_id, request.message_id)
        return pb.GetMessageResponse(message=wire.write_message(message))

    async def ListMessages(
        self, request: pb.ListMessagesRequest, _context: Context
    ) -> pb.ListMessagesResponse:
        app_id = wire.parse_app_id(request.app_id)
        query = ("messages", app_id)
        window = paging.read_window(request, query, tuple[paging.Number])
        async with self._db.connect() as connection:
            found = await messages.newest(connection, app_id, window)
            total = await counts.messages_of(connection, app_id)
        page = paging.turn(window, query, found, lambda each: [each[0]])
        return pb.ListMessagesResponse(
            messages=[wire.write_message(message) for _, message in page.items],
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=total,
        )

    async def GetMessageReport(
        self, request: pb.GetMessageReportRequest, _context: Context
    ) -> pb.GetMessageReportResponse:
        async with self._db.connect() as connection:
            message = await self._find(connection, request.app_id, request.message_id)
            found = await deliveries.report(connection, message)
        return pb.GetMessageReportResponse(counts=map(report_wire.write_outcome_count, found))

    async def GetApplicationReport(
        self, request: pb.GetApplicationReportRequest, _context: Context
    ) -> pb.GetApplicationReportResponse:
        app_id, days = wire.parse_app_id(request.app_id), report_wire.parse_days(request.days)
        first_day = self._clock().date() - timedelta(days=days - 1)
        async with self._db.connect() as connection:
            found = await counts.outcomes_of(connection, app_id, first_day)
        return pb.GetApplicationReportResponse(counts=map(report_wire.write_day_count, found))

    async def ListDeliveries(
        self, request: pb.ListDeliveriesRequest, _context: Context
    ) -> pb.ListDeliveriesResponse:
        devices = await self._filtered(request)
        async with self._db.connect() as connection:
            message = await self._find(connection, request.app_id, request.message_id)
            if devices is None:
                page = await self._page_all(connection, request, message)
            else:
                page = await self._page_some(connection, request, message, devices)
        return pb.ListDeliveriesResponse(
            deliveries=await self._write_deliveries(message.app_id, page.items),
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
        )

    async def _page_all(
        self, connection: AsyncConnection, request: pb.ListDeliveriesRequest, message: Message
    ) -> paging.Page[Delivery]:
        query = ("deliveries", message.app_id, message.message_id)
        window = paging.read_window(request, query, tuple[paging.Number, paging.Number])
        found = await deliveries.page(connection, message, window)
        page = paging.turn(window, query, found, lambda each: each[0])
        items = [delivery for _, delivery in page.items]
        return paging.Page(items, page.next_token, page.previous_token)

    async def _page_some(
        self,
        connection: AsyncConnection,
        request: pb.ListDeliveriesRequest,
        message: Message,
        devices: Sequence[Identity],
    ) -> paging.Page[Delivery]:
        query = ("deliveries", message.app_id, message.message_id, _filter(request))
        window = paging.read_window(request, query, tuple[paging.Number])
        found = await deliveries.of_devices(connection, self._directory, message, devices)
        rows = window.cut(found, lambda each: (each.uid,))
        return paging.turn(window, query, rows, lambda each: [each.uid])

    async def ReportReceipt(
        self, request: pb.ReportReceiptRequest, _context: Context
    ) -> pb.ReportReceiptResponse:
        furthest = await self._receiving.record(report_wire.parse_report(request))
        return pb.ReportReceiptResponse(outcome=wire.OUTCOME_TO_WIRE[furthest])

    async def BatchReportReceipts(
        self, request: pb.BatchReportReceiptsRequest, _context: Context
    ) -> pb.BatchReportReceiptsResponse:
        if not 1 <= len(request.reports) <= MAX_BATCH:
            raise FieldInvalid("reports", f"must hold 1 to {MAX_BATCH} entries")
        answers: list[Answer] = []
        reports: dict[int, Report] = {}
        for number, asked in enumerate(request.reports):
            try:
                reports[number] = report_wire.parse_report(asked, f"reports[{number}].")
                answers.append(Outcome.PENDING)
            except MessageNotFound as fault:
                answers.append(fault)
        recorded = await self._receiving.record_all(list(reports.values()))
        for number, answer in zip(reports, recorded, strict=True):
            answers[number] = answer
        return pb.BatchReportReceiptsResponse(verdicts=map(report_wire.write_verdict, answers))

    async def CancelMessage(
        self, request: pb.CancelMessageRequest, _context: Context
    ) -> pb.CancelMessageResponse:
        changed = await self._halt(request, self._halting.cancel)
        return pb.CancelMessageResponse(message=changed)

    async def PauseMessage(
        self, request: pb.PauseMessageRequest, _context: Context
    ) -> pb.PauseMessageResponse:
        changed = await self._halt(request, self._halting.pause)
        return pb.PauseMessageResponse(message=changed)

    async def ResumeMessage(
        self, request: pb.ResumeMessageRequest, _context: Context
    ) -> pb.ResumeMessageResponse:
        changed = await self._halt(request, self._halting.resume)
        return pb.ResumeMessageResponse(message=changed)

    async def _halt(
        self,
        request: pb.CancelMessageRequest | pb.PauseMessageRequest | pb.ResumeMessageRequest,
        change: Callable[[Message], Awaitable[None]],
    ) -> message_pb2.Message:
        async with self._db.connect() as connection:
            message = await self._find(connection, request.app_id, request.message_id)
        await change(message)
        async with self._db.connect() as connection:
            changed = await self._find(connection, request.app_id, request.message_id)
        return wire.write_message(changed)

    async def _read_channels(
        self, app_id: UUID, requests: Sequence[pb.SendMessageRequest]
    ) -> dict[str, Channel]:
        """The channels that these requests name, as they stand now."""
        asked = {request.message.content.android.channel_id for request in requests}
        named = [one for one in asked if wire.is_name(one)]
        if not named:
            return {}
        async with self._db.connect() as connection:
            found = await channels.find(connection, app_id, named)
        return {channel_id: kept.value for channel_id, kept in found.items()}

    async def _check(
        self,
        app_id: UUID,
        requests: Mapping[str, pb.SendMessageRequest],
        known: Mapping[str, Channel],
    ) -> list[Submission]:
        """What the requests ask for, by the beginning of their fields' names."""
        trace = current_trace_parent()
        submissions = {
            prefix: wire.parse_submission(app_id, request, trace, prefix, known)
            for prefix, request in requests.items()
        }
        await self._check_sizes(app_id, submissions)
        for prefix, request in requests.items():
            target = submissions[prefix].target
            # A mistaken tag of an expression may mean more people than were meant, not fewer.
            if request.validate_target or target.kind is TargetKind.EXPRESSION:
                await self._check_names(app_id, target)
        return list(submissions.values())

    async def _check_names(self, app_id: UUID, target: Target) -> None:
        if unknown := await self._directory.unknown_names(app_id, target):
            raise TargetUnknown(unknown)

    async def _check_sizes(self, app_id: UUID, submissions: Mapping[str, Submission]) -> None:
        """Refuse what is too large for a platform that is configured: asked only if that matters.

        Raises:
            PayloadTooLarge: naming the message, the platform, the size and the limit.
        """
        excesses = [
            (f"{prefix}message", excess)
            for prefix, each in submissions.items()
            for excess in self._limits.find_excesses(each.content, each.target)
        ]
        configured = await self._directory.configured_platforms(app_id) if excesses else set()
        for field, excess in excesses:
            if excess.platform in configured:
                raise PayloadTooLarge(field, excess.platform.name, excess.size, excess.limit)

    async def _accept(
        self,
        app_id: UUID,
        request: pb.SendMessageRequest | pb.BatchSendMessagesRequest,
        request_id: str,
        submissions: Sequence[Submission],
    ) -> list[Message]:
        refusal = self._find_late(request, submissions)
        if not request_id:
            if refusal is not None:
                raise refusal
            return await self._acceptance.accept(submissions)
        wire.parse_name("request_id", request_id, wire.MAX_REQUEST_ID)
        digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        return await self._acceptance.accept_once(app_id, request_id, digest, submissions, refusal)

    def _find_late(
        self,
        request: pb.SendMessageRequest | pb.BatchSendMessagesRequest,
        submissions: Sequence[Submission],
    ) -> FieldInvalid | None:
        """What is wrong with the first of their times, if one is not ahead of us."""
        now, is_batch = self._clock(), isinstance(request, pb.BatchSendMessagesRequest)
        try:
            for number, submission in enumerate(submissions):
                field = f"messages[{number}].message" if is_batch else "message"
                wire.check_schedule(field, submission.schedule, now)
        except FieldInvalid as fault:
            return fault
        return None

    async def _find(self, connection: AsyncConnection, app_id: str, message_id: str) -> Message:
        parsed = wire.parse_message_id(message_id)
        message = await messages.get(connection, wire.parse_app_id(app_id), parsed)
        if message is None or message.content.is_internal:
            raise MessageNotFound(message_id)
        return message

    async def _filtered(self, request: pb.ListDeliveriesRequest) -> list[Identity] | None:
        """The devices that a request is limited to; None if to none."""
        app_id = wire.parse_app_id(request.app_id)
        found: list[Identity] | None = None
        if request.HasField("device_id"):
            device_id = wire.parse_name("device_id", request.device_id)
            found = await self._directory.identify_devices(app_id, [device_id])
            if not found:
                raise DeviceNotFound(device_id)
        if request.HasField("user_id"):
            user_id = wire.parse_name("user_id", request.user_id)
            if found is None:
                return await self._directory.identify_user(app_id, user_id)
            found = [device for device in found if device.user_id == user_id]
        return found

    async def _write_deliveries(
        self, app_id: UUID, chosen: Sequence[Delivery]
    ) -> list[message_pb2.Delivery]:
        if not chosen:
            return []
        known = await self._directory.identify_uids(app_id, [each.uid for each in chosen])
        by_uid = {device.uid: device for device in known}
        return [_write_delivery(each, by_uid.get(each.uid)) for each in chosen]


def _filter(request: pb.ListDeliveriesRequest) -> tuple[str | None, str | None]:
    return (
        request.device_id if request.HasField("device_id") else None,
        request.user_id if request.HasField("user_id") else None,
    )


def _write_delivery(delivery: Delivery, device: Identity | None) -> message_pb2.Delivery:
    outcome: Outcome = delivery.outcome
    return message_pb2.Delivery(
        uid=delivery.uid,
        device_id=device.device_id if device else "",
        user_id=device.user_id if device else "",
        platform=wire.PLATFORM_TO_WIRE[delivery.platform],
        outcome=wire.OUTCOME_TO_WIRE[outcome],
        reason=delivery.reason,
        update_time=wire.write_time(delivery.update_time),
    )
