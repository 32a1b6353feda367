"""Apple's push service: POST /3/device/{address}, judged by Apple's documented rules."""

import re
import uuid
from collections import OrderedDict
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

from services.sandbox import jwt
from services.sandbox.behaviours import Behaviour
from services.sandbox.exchange import Request, Response
from services.sandbox.gateways.contract import Faults, Notification, Refused

PATH = "/3/device/"
MAX_PAYLOAD = 4096
MAX_VOIP_PAYLOAD = 5120
MAX_COLLAPSE_ID = 64
MAX_TOKEN_AGE = timedelta(hours=1)
MIN_TOKEN_UPDATE = timedelta(minutes=20)
GONE = 410
CLOCK_SLACK = timedelta(minutes=5)
MAX_CONNECTIONS_REMEMBERED = 4096
PRIORITIES = {"1", "5", "10"}
BACKGROUND_PRIORITY = "5"

# What each push type adds to the bundle id to make its topic.
TOPIC_SUFFIXES = {
    "alert": "",
    "background": "",
    "mdm": "",
    "location": ".location-query",
    "voip": ".voip",
    "complication": ".complication",
    "fileprovider": ".pushkit.fileprovider",
    "liveactivity": ".push-type.liveactivity",
    "pushtotalk": ".voip-ptt",
    "widgets": ".push-type.widgets",
    "controls": ".push-type.controls",
}
_ADDRESS = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOPIC = re.compile(r"[A-Za-z0-9.-]+")
_APPLE_ID = re.compile(r"[A-Z0-9]{10}")
_EPOCH_SECONDS = re.compile(r"\d{1,12}")


FAULTS: Faults = {
    (Behaviour.DEAD, None): (410, "Unregistered", ""),
    (Behaviour.EXPIRED, None): (410, "ExpiredToken", ""),
    (Behaviour.THROTTLED, None): (429, "TooManyRequests", ""),
    (Behaviour.ERROR, None): (500, "InternalServerError", ""),
    (Behaviour.ERROR, 503): (503, "ServiceUnavailable", ""),
    (Behaviour.UNAUTHORIZED, None): (403, "InvalidProviderToken", ""),
}


class ApnsGateway:
    name = "apns"
    faults = FAULTS

    def __init__(self, *, bundle_id: str, key_id: str, team_id: str, point: bytes) -> None:
        self._bundle_id = bundle_id
        self._key_id = key_id
        self._team_id = team_id
        # Senders present one token a million times; its signature is checked once.
        self._verify = lru_cache(maxsize=256)(lambda token: self._read_token(token, point))
        self._tokens_in_use: OrderedDict[int, tuple[str, datetime]] = OrderedDict()

    def examine(self, request: Request, now: datetime) -> Notification:
        if not request.path.startswith(PATH):
            raise Refused(404, "BadPath")
        if request.method != "POST":
            raise Refused(405, "MethodNotAllowed")
        check_single_headers(request)
        if request.client is not None and request.header("authorization") is None:
            check_certificate(request.client, now)
        else:
            self._check_provider_token(request, now)
        check_address(request.path[len(PATH) :])
        check_headers(request)
        self._check_topic(request)
        check_payload(request)
        return self.glimpse(request)

    def glimpse(self, request: Request) -> Notification:
        return Notification(
            address=request.path.rpartition("/")[2].lower(),
            headers={
                name: values[0]
                for name, values in request.headers.items()
                if name.startswith("apns-")
            },
            payload=_decode(request.body),
        )

    def accept(self, request: Request, notification: Notification) -> Response:  # noqa: ARG002  Gateway
        return Response(200, headers={"apns-id": _answer_id(request)})

    def refuse(self, request: Request, refused: Refused) -> Response:
        body: dict[str, Any] = {"reason": refused.reason}
        if refused.status == GONE and refused.since is not None:
            body["timestamp"] = int(refused.since * 1000)
        headers = {"apns-id": _answer_id(request), "content-type": "application/json"}
        return Response(refused.status, msgspec.json.encode(body), headers | refused.retry_header())

    def _check_provider_token(self, request: Request, now: datetime) -> None:
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused(403, "MissingProviderToken")
        try:
            claims = self._verify(token)
        except jwt.TokenInvalid:
            raise Refused(403, "InvalidProviderToken") from None
        issued = claims.seconds("iat")
        if issued is None or issued > (now + CLOCK_SLACK).timestamp():
            raise Refused(403, "InvalidProviderToken")
        if issued < (now - MAX_TOKEN_AGE).timestamp():
            raise Refused(403, "ExpiredProviderToken")
        self._check_token_update(request.connection, token, now)

    def _read_token(self, token: str, point: bytes) -> jwt.Jwt:
        """Our own key's token is verified; of any other key it must only be well formed."""
        claims = jwt.read(token, "ES256")
        key_id, team_id = str(claims.header.get("kid", "")), claims.text("iss")
        if key_id == self._key_id:
            claims = jwt.verify_es256(token, point)
            if team_id != self._team_id:
                raise jwt.TokenInvalid("the key is of another team")
        if not (_APPLE_ID.fullmatch(key_id) and _APPLE_ID.fullmatch(team_id)):
            raise jwt.TokenInvalid("key and team are named by ten letters and digits")
        return claims

    def _check_token_update(self, connection: int, token: str, now: datetime) -> None:
        """A connection may change its token, but not before twenty minutes have passed."""
        known = self._tokens_in_use.get(connection)
        if known and known[0] == token:
            return
        if known and now - known[1] < MIN_TOKEN_UPDATE:
            raise Refused(429, "TooManyProviderTokenUpdates")
        self._tokens_in_use[connection] = (token, now)
        if len(self._tokens_in_use) > MAX_CONNECTIONS_REMEMBERED:
            self._tokens_in_use.popitem(last=False)

    def _check_topic(self, request: Request) -> None:
        own = read_topic(request.client)
        topic = request.header("apns-topic") or own
        if not topic:
            raise Refused(400, "MissingTopic")
        if not _TOPIC.fullmatch(topic):
            raise Refused(400, "BadTopic")
        suffix = TOPIC_SUFFIXES[request.header("apns-push-type") or ""]
        if own and topic not in {own, own + suffix}:
            raise Refused(400, "TopicDisallowed")
        if topic == self._bundle_id + suffix:
            return
        # Another app's is as good as ours; what is not the topic of this push type is not.
        is_ours = topic == self._bundle_id or topic.startswith(self._bundle_id + ".")
        if is_ours or not topic.endswith(suffix):
            raise Refused(400, "BadTopic")


def check_certificate(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise Refused(403, "BadCertificate")


def read_topic(certificate: x509.Certificate | None) -> str:
    """What a certificate is for, by its subject's UID; empty where it does not say."""
    if certificate is None:
        return ""
    named = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    return str(named[0].value) if named else ""


def check_single_headers(request: Request) -> None:
    for name, values in request.headers.items():
        if len(values) > 1 and (name.startswith("apns-") or name == "authorization"):
            raise Refused(400, "DuplicateHeaders")


def check_address(address: str) -> None:
    if not address:
        raise Refused(400, "MissingDeviceToken")
    if "/" in address:
        raise Refused(404, "BadPath")
    if not _ADDRESS.fullmatch(address):
        raise Refused(400, "BadDeviceToken")


def check_headers(request: Request) -> None:
    """All that can be judged without knowing the app."""
    identifier = request.header("apns-id")
    if identifier is not None and not _ID.fullmatch(identifier):
        raise Refused(400, "BadMessageId")
    push_type = request.header("apns-push-type")
    if push_type not in TOPIC_SUFFIXES:
        raise Refused(400, "InvalidPushType")
    expiration = request.header("apns-expiration")
    if expiration is not None and not _EPOCH_SECONDS.fullmatch(expiration):
        raise Refused(400, "BadExpirationDate")
    # Absent, it means 10, which a background push must not have.
    priority = request.header("apns-priority") or "10"
    is_too_urgent = push_type == "background" and priority != BACKGROUND_PRIORITY
    if priority not in PRIORITIES or is_too_urgent:
        raise Refused(400, "BadPriority")
    collapse_id = request.header("apns-collapse-id")
    # Headers are read byte by byte, so the length counts bytes.
    if collapse_id is not None and len(collapse_id) > MAX_COLLAPSE_ID:
        raise Refused(400, "BadCollapseId")


def check_payload(request: Request) -> None:
    is_voip = request.header("apns-push-type") == "voip"
    if not request.body:
        raise Refused(400, "PayloadEmpty")
    if len(request.body) > (MAX_VOIP_PAYLOAD if is_voip else MAX_PAYLOAD):
        raise Refused(413, "PayloadTooLarge")
    payload = _decode(request.body)
    # Apple has no word of its own for a payload that is no JSON, or has no `aps`.
    if not isinstance(payload, dict) or not isinstance(payload.get("aps"), dict):
        raise Refused(400, "PayloadEmpty")


def _decode(body: bytes) -> object:
    if len(body) > MAX_VOIP_PAYLOAD:
        return None
    try:
        payload: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return payload


def _answer_id(request: Request) -> str:
    identifier = request.header("apns-id")
    return identifier if identifier and _ID.fullmatch(identifier) else str(uuid.uuid4())
