"""Dispatch in memory: keeps what was said; a test writes what came of it."""

from typing import Any

from carillon.dispatch.v1 import circuit_service_pb2 as circuit_pb
from carillon.dispatch.v1 import circuit_service_pb2_grpc as circuit_rpc
from carillon.dispatch.v1 import credential_service_pb2 as credential_pb
from carillon.dispatch.v1 import credential_service_pb2_grpc as credential_rpc
from carillon.dispatch.v1 import message_service_pb2 as pb
from carillon.dispatch.v1 import message_service_pb2_grpc as rpc
from carillon.dispatch.v1 import weight_service_pb2 as weight_pb
from carillon.dispatch.v1 import weight_service_pb2_grpc as weight_rpc
from carillon.dispatch.v1.error_reason_pb2 import ErrorReason
from carillon.dispatch.v1.message_pb2 import Delivery, Message, MessageStatus, Outcome
from carillon.type.v1.platform_pb2 import Platform
from services.kit.faults import Code, Fault, FieldInvalid
from tests.edge.rooms.registry import Registry
from tests.edge.rooms.rules import Mood, fault, noon, turn_page

message_not_found = fault(Code.NOT_FOUND, "MESSAGE_NOT_FOUND")
device_not_found = fault(Code.NOT_FOUND, "DEVICE_NOT_FOUND")
payload_too_large = fault(Code.INVALID_ARGUMENT, "PAYLOAD_TOO_LARGE")
target_unknown = fault(Code.NOT_FOUND, "TARGET_UNKNOWN")
fuse_not_blown = fault(Code.NOT_FOUND, "FUSE_NOT_BLOWN")
message_ended = fault(Code.FAILED_PRECONDITION, "MESSAGE_ENDED")
request_id_reused = fault(Code.ALREADY_EXISTS, "REQUEST_ID_REUSED")

APPLE_LIMIT = 2048
MAX_ANNOTATION = 64 * 1024


class Dispatch(Mood, rpc.MessageServiceServicer):
    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self.registry = registry
        self.messages: dict[tuple[str, str], Message] = {}
        self.deliveries: dict[tuple[str, str], list[Delivery]] = {}
        self.circuits: list[circuit_pb.Circuit] = []
        self.fuses: list[circuit_pb.Fuse] = []
        self.weights: dict[str, int] = {}
        self.answers: dict[tuple[str, str], tuple[bytes, Any]] = {}

    def add_to(self, server: Any) -> None:
        rpc.add_MessageServiceServicer_to_server(self, server)
        credential_rpc.add_CredentialServiceServicer_to_server(Credentials(self), server)
        circuit_rpc.add_CircuitServiceServicer_to_server(Circuits(self), server)
        weight_rpc.add_WeightServiceServicer_to_server(Weights(self), server)

    async def SendMessage(self, request: Any, _context: Any) -> Any:
        await self.meet("SendMessage")
        self._check(request, request.app_id, "")

        def accept() -> Any:
            return pb.SendMessageResponse(message=self._accept(request.app_id, request.message))

        return self._once(request, accept)

    async def BatchSendMessages(self, request: Any, _context: Any) -> Any:
        await self.meet("BatchSendMessages")
        for i, one in enumerate(request.messages):
            if one.app_id or one.request_id:
                raise FieldInvalid(f"messages[{i}].app_id", "must be empty")
            self._check(one, request.app_id, f"messages[{i}].")

        def accept() -> Any:
            accepted = [self._accept(request.app_id, one.message) for one in request.messages]
            return pb.BatchSendMessagesResponse(messages=accepted)

        return self._once(request, accept)

    def _once(self, request: Any, accept: Any) -> Any:
        if not request.request_id:
            return accept()
        key = (request.app_id, request.request_id)
        asked = request.SerializeToString(deterministic=True)
        if key not in self.answers:
            self.answers[key] = (asked, accept())
        if self.answers[key][0] != asked:
            raise request_id_reused(request_id=request.request_id)
        return self.answers[key][1]

    def _check(self, request: Any, app_id: str, prefix: str) -> None:
        message = request.message
        if len(message.annotation.encode()) > MAX_ANNOTATION:
            raise FieldInvalid(f"{prefix}message.annotation", "must be at most 65536 bytes")
        if len(message.content.url) > 2048:
            raise FieldInvalid(f"{prefix}message.content.url", "must be at most 2048 characters")
        size = len(message.content.alert.encode())
        if size > APPLE_LIMIT:
            raise payload_too_large(platform="IOS", size=str(size), limit=str(APPLE_LIMIT))
        known = self.registry.tenants[app_id].devices
        unknown = set(message.target.device_ids.names) - set(known)
        if request.validate_target and unknown:
            raise target_unknown(names=",".join(sorted(unknown)))

    def _accept(self, app_id: str, message: Message) -> Message:
        accepted = Message()
        accepted.CopyFrom(message)
        accepted.message_id = f"Msg{len(self.messages):05d}"
        accepted.status = MessageStatus.MESSAGE_STATUS_ACCEPTED
        accepted.create_time.CopyFrom(noon())
        self.messages[app_id, accepted.message_id] = accepted
        return accepted

    def _find(self, request: Any) -> Message:
        key = (request.app_id, request.message_id)
        if key not in self.messages:
            raise message_not_found(message_id=request.message_id)
        return self.messages[key]

    async def GetMessage(self, request: Any, _context: Any) -> Any:
        await self.meet("GetMessage")
        return pb.GetMessageResponse(message=self._find(request))

    async def ListMessages(self, request: Any, _context: Any) -> Any:
        await self.meet("ListMessages")
        found = [
            one
            for (app_id, _), one in self.messages.items()
            if app_id == request.app_id and one.status != MessageStatus.MESSAGE_STATUS_CANCELLED
        ]
        page = turn_page(request, found[::-1], [request.app_id])
        return pb.ListMessagesResponse(
            messages=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=len(found),
        )

    async def GetApplicationReport(self, request: Any, _context: Any) -> Any:
        await self.meet("GetApplicationReport")
        answer = pb.GetApplicationReportResponse()
        date = noon().ToDatetime().date().isoformat()
        for (app_id, _), deliveries in self.deliveries.items():
            for one in deliveries if app_id == request.app_id else ():
                answer.counts.add(date=date, platform=one.platform, outcome=one.outcome, count=1)
                if one.outcome in {Outcome.OUTCOME_SEEN, Outcome.OUTCOME_OPEN}:
                    sent = Outcome.OUTCOME_SENT
                    answer.counts.add(date=date, platform=one.platform, outcome=sent, count=1)
        return answer

    async def BatchReportReceipts(self, request: Any, context: Any) -> Any:
        await self.meet("BatchReportReceipts")
        answer = pb.BatchReportReceiptsResponse()
        for report in request.reports:
            try:
                noted = await self.ReportReceipt(report, context)
            except Fault as refusal:
                reason = ErrorReason.Value(f"ERROR_REASON_{refusal.reason}")
                answer.verdicts.add(refused=reason)
            else:
                answer.verdicts.add(outcome=noted.outcome)
        return answer

    async def GetMessageReport(self, request: Any, _context: Any) -> Any:
        await self.meet("GetMessageReport")
        self._find(request)
        answer = pb.GetMessageReportResponse()
        for one in self.deliveries.get((request.app_id, request.message_id), []):
            answer.counts.add(
                platform=one.platform, outcome=one.outcome, reason=one.reason, count=1
            )
        return answer

    async def ListDeliveries(self, request: Any, _context: Any) -> Any:
        await self.meet("ListDeliveries")
        self._find(request)
        if request.HasField("device_id"):
            self._know_device(request)
        found = [
            one
            for one in self.deliveries.get((request.app_id, request.message_id), [])
            if (not request.HasField("device_id") or one.device_id == request.device_id)
            and (not request.HasField("user_id") or one.user_id == request.user_id)
        ]
        page = turn_page(request, found, [request.app_id, request.message_id])
        return pb.ListDeliveriesResponse(
            deliveries=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
        )

    async def ReportReceipt(self, request: Any, _context: Any) -> Any:
        await self.meet("ReportReceipt")
        self._find(request)
        self._know_device(request)
        if request.outcome not in {Outcome.OUTCOME_SEEN, Outcome.OUTCOME_OPEN}:
            raise FieldInvalid("outcome", "must be SEEN or OPEN")
        kept = self.deliveries.setdefault((request.app_id, request.message_id), [])
        for one in kept:
            if one.device_id == request.device_id:
                if one.outcome != Outcome.OUTCOME_OPEN:
                    one.outcome = request.outcome
                return pb.ReportReceiptResponse(outcome=one.outcome)
        kept.append(Delivery(device_id=request.device_id, outcome=request.outcome))
        return pb.ReportReceiptResponse(outcome=request.outcome)

    async def CancelMessage(self, request: Any, _context: Any) -> Any:
        await self.meet("CancelMessage")
        message = self._find(request)
        message.status = MessageStatus.MESSAGE_STATUS_CANCELLED
        return pb.CancelMessageResponse(message=message)

    async def PauseMessage(self, request: Any, _context: Any) -> Any:
        await self.meet("PauseMessage")
        message = self._halt(request)
        message.status = MessageStatus.MESSAGE_STATUS_PAUSED
        return pb.PauseMessageResponse(message=message)

    async def ResumeMessage(self, request: Any, _context: Any) -> Any:
        await self.meet("ResumeMessage")
        message = self._halt(request)
        message.status = MessageStatus.MESSAGE_STATUS_DISPATCHING
        return pb.ResumeMessageResponse(message=message)

    def _halt(self, request: Any) -> Message:
        message = self._find(request)
        if message.HasField("end_time"):
            raise message_ended(message_id=request.message_id)
        return message

    def _know_device(self, request: Any) -> None:
        if request.device_id not in self.registry.tenants[request.app_id].devices:
            raise device_not_found(device_id=request.device_id)


class Credentials(credential_rpc.CredentialServiceServicer):
    """Gateways that take everything but a key of the team `WRONGTEAM0`."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def VerifyCredential(self, request: Any, _context: Any) -> Any:
        await self._dispatch.meet("VerifyCredential")
        if request.configuration.apns.team_id == "WRONGTEAM0":
            raise FieldInvalid("configuration.apns.private_key", "was refused by the gateway: X")
        return credential_pb.VerifyCredentialResponse(verified=True)


class Circuits(circuit_rpc.CircuitServiceServicer):
    """What a test says is open or blown."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def ListCircuits(self, _request: Any, _context: Any) -> Any:
        await self._dispatch.meet("ListCircuits")
        return circuit_pb.ListCircuitsResponse(
            circuits=self._dispatch.circuits, fuses=self._dispatch.fuses
        )

    async def DecideFuse(self, request: Any, _context: Any) -> Any:
        await self._dispatch.meet("DecideFuse")
        for fuse in self._dispatch.fuses:
            is_meant = not request.HasField("gate") or fuse.gate == request.gate
            if fuse.platform == request.platform and is_meant:
                self._dispatch.fuses.remove(fuse)
                return circuit_pb.DecideFuseResponse(report_count=fuse.held_count)
        raise fuse_not_blown(platform=Platform.Name(request.platform).removeprefix("PLATFORM_"))


class Weights(weight_rpc.WeightServiceServicer):
    """What an operator said."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def GetWeight(self, request: Any, _context: Any) -> Any:
        await self._dispatch.meet("GetWeight")
        return weight_pb.GetWeightResponse(weight=self._dispatch.weights.get(request.app_id, 10))

    async def SetWeight(self, request: Any, _context: Any) -> Any:
        await self._dispatch.meet("SetWeight")
        self._dispatch.weights[request.app_id] = request.weight
        return weight_pb.SetWeightResponse(weight=request.weight)
