"""Google's FCM HTTP v1: POST /v1/projects/{project}/messages:send, judged by Google's rules."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from services.sandbox.behaviours import Behaviour
from services.sandbox.exchange import Request, Response
from services.sandbox.gateways import fcm_schema
from services.sandbox.gateways.contract import Faults, Notification, Refused

PATH = "/v1/projects/"
MAX_BODY = 65536
MAX_MESSAGE = 4096
MAX_TOPIC_MESSAGE = 2048
MAX_TTL_SECONDS = 2_419_200
MAX_CONDITION_TOPICS = 5
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
TARGETS = ("token", "topic", "condition")

# Reasons that FCM itself gives, in an FcmError detail, and the general status beside them.
FCM_STATUSES = {
    "INVALID_ARGUMENT": "INVALID_ARGUMENT",
    "UNREGISTERED": "NOT_FOUND",
    "SENDER_ID_MISMATCH": "PERMISSION_DENIED",
    "QUOTA_EXCEEDED": "RESOURCE_EXHAUSTED",
    "UNAVAILABLE": "UNAVAILABLE",
    "INTERNAL": "INTERNAL",
    "THIRD_PARTY_AUTH_ERROR": "UNAUTHENTICATED",
    "UNSPECIFIED_ERROR": "UNKNOWN",
}
RESERVED_KEYS = {"from", "message_type"}
RESERVED_PREFIXES = ("google", "gcm")
_SEND_PATH = re.compile(r"/v1/projects/([^/]+)/messages:send")
_ADDRESS = re.compile(r"[A-Za-z0-9:_-]{1,4096}")
_TOPIC = re.compile(r"[A-Za-z0-9_.~%-]{1,900}")
_CONDITION_TOPIC = re.compile(r"'[A-Za-z0-9_.~%-]+' in topics")

Message = Mapping[str, Any]


class Unreadable(Refused):
    """Refused by Google's front door, before FCM saw it: no FcmError among the details."""


@dataclass(frozen=True, slots=True)
class Project:
    """Our own project, by name or by number. Any other is as good."""

    project_id: str
    number: str


NOT_FOUND = "Requested entity was not found."
FAULTS: Faults = {
    (Behaviour.DEAD, None): (404, "UNREGISTERED", NOT_FOUND),
    (Behaviour.EXPIRED, None): (404, "UNREGISTERED", NOT_FOUND),
    (Behaviour.THROTTLED, None): (429, "QUOTA_EXCEEDED", "Quota exceeded."),
    (Behaviour.ERROR, None): (503, "UNAVAILABLE", "The service is unavailable."),
    (Behaviour.ERROR, 500): (500, "INTERNAL", "Internal error encountered."),
    (Behaviour.UNAUTHORIZED, None): (403, "SENDER_ID_MISMATCH", "SenderId mismatch"),
}


class FcmGateway:
    name = "fcm"
    faults = FAULTS

    def __init__(self, project: Project, is_valid_token: Callable[[str, datetime], bool]) -> None:
        self._project = project
        self._is_valid_token = is_valid_token

    def examine(self, request: Request, now: datetime) -> Notification:
        path = _SEND_PATH.fullmatch(request.path)
        if not path or request.method != "POST":
            raise Refused(404, "NOT_FOUND", "The requested URL was not found on this server.")
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not self._is_valid_token(token, now):
            message = "Request had invalid authentication credentials."
            raise Refused(401, "UNAUTHENTICATED", message)
        asked = read_request(request.body)
        if "message" not in asked:
            raise invalid("message", "The message is not set.")
        check_message(asked["message"])
        return _notification(asked["message"], delivered=not asked.get("validateOnly", False))

    def glimpse(self, request: Request) -> Notification:
        try:
            asked = msgspec.json.decode(request.body[:MAX_BODY])
            message = asked["message"] if isinstance(asked["message"], dict) else {}
        except (ValueError, TypeError, LookupError):
            return Notification()
        # What is far too large is told by its size; it need not be kept.
        is_large = len(request.body) > 2 * MAX_MESSAGE
        return Notification(_address(message)) if is_large else _notification(message)

    def accept(self, request: Request, notification: Notification) -> Response:
        number = uuid.uuid4().int >> 64
        message_id = f"0:{number}%{number & 0xFFFFFFFF:08x}" if notification.delivered else "fake"
        path = _SEND_PATH.fullmatch(request.path)
        project = path[1] if path else self._project.project_id
        if project == self._project.number:
            project = self._project.project_id
        name = f"projects/{project}/messages/{message_id}"
        return _json(200, {"name": name}, {})

    def refuse(self, request: Request, refused: Refused) -> Response:  # noqa: ARG002  Gateway
        details: list[dict[str, Any]] = []
        if refused.reason in FCM_STATUSES and not isinstance(refused, Unreadable):
            details.append({"@type": FCM_ERROR, "errorCode": refused.reason})
        if refused.field or isinstance(refused, Unreadable):
            violation = {"field": refused.field, "description": refused.message}
            details.append({"@type": BAD_REQUEST, "fieldViolations": [violation]})
        if refused.quota:
            violation = {"subject": refused.quota, "description": refused.message}
            details.append({"@type": QUOTA_FAILURE, "violations": [violation]})
        error = {
            "code": refused.status,
            "message": refused.message,
            "status": FCM_STATUSES.get(refused.reason, refused.reason),
        }
        if details:
            error["details"] = details
        return _json(refused.status, {"error": error}, refused.retry_header())


def invalid(field: str, message: str) -> Refused:
    return Refused(400, "INVALID_ARGUMENT", message, field=field)


def read_request(body: bytes) -> Mapping[str, Any]:
    """The request in the names of the schema; raise Unreadable if it does not fit it."""
    if len(body) > MAX_BODY:
        raise Unreadable(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit.")
    try:
        asked = fcm_schema.read(msgspec.json.decode(body), fcm_schema.SEND_MESSAGE_REQUEST)
    except fcm_schema.SchemaViolation as violation:
        raise Unreadable(400, "INVALID_ARGUMENT", str(violation), field=violation.path) from None
    except ValueError:
        message = "Invalid JSON payload received. It cannot be parsed."
        raise Unreadable(400, "INVALID_ARGUMENT", message) from None
    assert isinstance(asked, dict)  # noqa: S101  the schema's root is an object
    return asked


def check_message(message: Message) -> None:
    check_target(message)
    android = message.get("android", {})
    check_data_keys("message.data", message.get("data", {}))
    check_data_keys("message.android.data", android.get("data", {}))
    ttl = android.get("ttl")
    if ttl is not None and not 0 <= Decimal(ttl.removesuffix("s")) <= MAX_TTL_SECONDS:
        raise invalid("message.android.ttl", f"Invalid value: must be 0 to {MAX_TTL_SECONDS} s")
    limit = MAX_MESSAGE if "token" in message else MAX_TOPIC_MESSAGE
    if measure(message) > limit:
        raise invalid("message", f"Message too big: at most {limit} bytes are allowed")


def check_target(message: Message) -> None:
    targets = [name for name in TARGETS if name in message]
    if not targets:
        raise invalid("message", "Recipient of the message is not set.")
    if len(targets) > 1:
        description = "oneof field 'target' is already set."
        raise Unreadable(400, "INVALID_ARGUMENT", description, field=f"message.{targets[1]}")
    target: str = message[targets[0]]
    match targets[0]:
        case "token" if not target:
            raise Refused(404, "UNREGISTERED", NOT_FOUND)
        case "token" if not _ADDRESS.fullmatch(target):
            text = "The registration token is not a valid FCM registration token"
            raise invalid("message.token", text)
        case "topic" if not _TOPIC.fullmatch(target.removeprefix("/topics/")):
            raise invalid("message.topic", "Malformed topic name")
        case "condition":
            if not 1 <= len(_CONDITION_TOPIC.findall(target)) <= MAX_CONDITION_TOPICS:
                raise invalid("message.condition", "A condition names one to five topics")


def check_data_keys(path: str, entries: Mapping[str, str]) -> None:
    for key in entries:
        if key in RESERVED_KEYS or key.startswith(RESERVED_PREFIXES):
            raise invalid(path, f"Invalid data payload key: {key}")


def measure(message: Message) -> int:
    """Bytes of what an Android device would get."""
    android = message.get("android", {})
    entries = android.get("data") or message.get("data", {})
    shown = message.get("notification", {}) | android.get("notification", {})
    texts = [*entries.keys(), *entries.values(), shown.get("title", ""), shown.get("body", "")]
    return sum(len(text.encode()) for text in texts)


def _notification(message: Message, *, delivered: bool = True) -> Notification:
    payload = {name: value for name, value in message.items() if name not in TARGETS}
    return Notification(_address(message), {}, payload, delivered)


def _address(message: Message) -> str:
    token = message.get("token")
    if isinstance(token, str):
        return token
    return next((f"{name}:{message[name]}" for name in TARGETS if name in message), "")


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    content_type = {"content-type": "application/json; charset=UTF-8"}
    return Response(status, msgspec.json.encode(body), content_type | dict(headers))
