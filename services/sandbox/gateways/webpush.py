"""A Web Push service: POST /push/{subscription}, by RFC 8030, 8188, 8291 and 8292.

Errors are worded as Mozilla's service words them. What is accepted has been decrypted.
"""

import re
import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

import msgspec

from services.sandbox import base64url, jwt
from services.sandbox.behaviours import Behaviour
from services.sandbox.encryption import Undecipherable, decrypt
from services.sandbox.exchange import Request, Response
from services.sandbox.gateways.contract import Faults, Notification, Refused
from services.sandbox.subscriptions import PATH, Subscription

MAX_BODY = 4096
MAX_TTL_SECONDS = 2_592_000
MAX_TOKEN_LIFETIME = timedelta(hours=24)
CLOCK_SLACK = timedelta(minutes=1)
URGENCIES = {"very-low", "low", "normal", "high"}
SHOWN_HEADERS = ("ttl", "urgency", "topic", "content-encoding")

# Mozilla's numbers for what went wrong, by our name for it.
ERRNOS = {
    "MissingCryptoKeys": 101,
    "SubscriptionUnknown": 102,
    "SubscriptionGone": 103,
    "PayloadTooLarge": 104,
    "InvalidAuthentication": 109,
    "InvalidCryptoKeys": 110,
    "MissingHeader": 111,
    "InvalidTtl": 112,
    "InvalidTopic": 113,
    "InvalidUrgency": 113,
    "BackOff": 201,
    "RetryNow": 202,
}
UNKNOWN_ERRNO = 999
# Apple answers with a word and no number.
APPLE_REASONS = frozenset(
    {
        "BadAuthorizationHeader",
        "BadJwtToken",
        "BadPath",
        "BadTtl",
        "BadUrgency",
        "BadVapidPublicKey",
        "BadWebPushRequest",
        "BadWebPushTopic",
        "IdleTimeout",
        "InternalServerError",
        "ServiceUnavailable",
        "Shutdown",
        "Unregistered",
        "VapidPkHashMismatch",
    }
)
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_SECONDS = re.compile(r"\d{1,18}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_VAPID = re.compile(r"vapid\s+(.+)", re.IGNORECASE)


class Book(Protocol):
    def find(self, identifier: str) -> Subscription | None: ...


FAULTS: Faults = {
    (Behaviour.DEAD, None): (410, "SubscriptionGone", "The user has unsubscribed"),
    (Behaviour.EXPIRED, None): (404, "SubscriptionUnknown", "No such subscription"),
    (Behaviour.THROTTLED, None): (429, "BackOff", "Too many messages"),
    (Behaviour.ERROR, None): (503, "BackOff", "Try again later"),
    (Behaviour.ERROR, 500): (500, "InternalError", "Internal error"),
    (Behaviour.UNAUTHORIZED, None): (401, "InvalidAuthentication", "The token is not accepted"),
}


class WebpushGateway:
    name = "webpush"
    faults = FAULTS

    def __init__(self, subscriptions: Book) -> None:
        self._subscriptions = subscriptions
        # One token serves a day of messages; its signature is checked once.
        self._verify = lru_cache(maxsize=1024)(jwt.verify_es256)

    def examine(self, request: Request, now: datetime) -> Notification:
        subscription = self._subscriptions.find(request.path.removeprefix(PATH))
        if subscription is None:
            raise Refused(404, "SubscriptionUnknown", "No such subscription")
        if request.method != "POST":
            raise Refused(405, "MethodNotAllowed", "Only POST is supported")
        if subscription.is_gone:
            raise Refused(410, "SubscriptionGone", "The user has unsubscribed")
        self._check_sender(request, subscription, now)
        check_headers(request)
        plaintext = open_body(request, subscription)
        shown = self.glimpse(request)
        return Notification(shown.address, shown.headers, read_payload(plaintext))

    def glimpse(self, request: Request) -> Notification:
        headers = {name: request.header(name) for name in SHOWN_HEADERS}
        return Notification(
            address=request.path.removeprefix(PATH),
            headers={name: value for name, value in headers.items() if value is not None},
        )

    def accept(self, request: Request, notification: Notification) -> Response:  # noqa: ARG002  Gateway
        message = secrets.token_urlsafe(24)
        kept_for = min(int(request.header("ttl") or 0), MAX_TTL_SECONDS)
        location = f"https://{request.authority}/message/{message}"
        return Response(201, headers={"location": location, "ttl": str(kept_for)})

    def refuse(self, request: Request, refused: Refused) -> Response:  # noqa: ARG002  Gateway
        body = write_refusal(refused)
        headers = {"content-type": "application/json"} | refused.retry_header()
        return Response(refused.status, msgspec.json.encode(body), headers)

    def _check_sender(self, request: Request, subscription: Subscription, now: datetime) -> None:
        credentials = request.header("authorization")
        if credentials is None:
            # A browser that was given no key takes messages from anybody (RFC 8292 section 4).
            if subscription.server_key is None:
                return
            raise Refused(401, "InvalidAuthentication", "The subscription needs a VAPID token")
        token, key = read_credentials(credentials)
        if subscription.server_key not in {None, key}:
            raise Refused(403, "InvalidAuthentication", "Subscribed with another key")
        try:
            claims = self._verify(token, key)
        except jwt.TokenInvalid as invalid:
            raise Refused(401, "InvalidAuthentication", str(invalid)) from None
        check_claims(claims, f"https://{request.authority}", now)


def write_refusal(refused: Refused) -> dict[str, object]:
    """As Apple writes it, or as Mozilla does, whose number may stand for its reason."""
    if refused.reason in APPLE_REASONS:
        return {"reason": refused.reason}
    number = int(refused.reason) if refused.reason.isdecimal() else UNKNOWN_ERRNO
    return {
        "code": refused.status,
        "errno": ERRNOS.get(refused.reason, number),
        "error": TITLES.get(refused.status, "Error"),
        "message": refused.message,
    }


def read_credentials(text: str) -> tuple[str, bytes]:
    """The parts t and k of a `vapid` Authorization header."""
    scheme = _VAPID.fullmatch(text.strip())
    pairs = [part.strip().partition("=") for part in scheme[1].split(",")] if scheme else []
    parameters = {name: value for name, _, value in pairs}
    try:
        return parameters["t"], base64url.decode(parameters["k"])
    except (KeyError, ValueError):
        message = "Authorization must be: vapid t=<token>, k=<base64url key>"
        raise Refused(401, "InvalidAuthentication", message) from None


def check_claims(claims: jwt.Jwt, origin: str, now: datetime) -> None:
    expires = claims.seconds("exp")
    latest = (now + MAX_TOKEN_LIFETIME + CLOCK_SLACK).timestamp()
    if claims.text("aud") != origin:
        raise Refused(401, "InvalidAuthentication", "aud must be the origin of the endpoint")
    if expires is None or not now.timestamp() < expires <= latest:
        raise Refused(401, "InvalidAuthentication", "exp must lie within the next 24 hours")
    if not claims.text("sub").startswith(("mailto:", "https:")):
        raise Refused(401, "InvalidAuthentication", "sub must be a mailto: or https: URI")


def check_headers(request: Request) -> None:
    ttl = request.header("ttl")
    if ttl is None:
        raise Refused(400, "MissingHeader", "TTL is required")
    if not _SECONDS.fullmatch(ttl):
        raise Refused(400, "InvalidTtl", "TTL must be a number of seconds")
    topic = request.header("topic")
    if topic is not None and not _TOPIC.fullmatch(topic):
        raise Refused(400, "InvalidTopic", "Topic must be at most 32 characters of base64url")
    urgency = request.header("urgency")
    if urgency is not None and urgency not in URGENCIES:
        raise Refused(400, "InvalidUrgency", "Urgency must be very-low, low, normal or high")


def open_body(request: Request, subscription: Subscription) -> bytes:
    """The plaintext; empty for a push without a body, which only wakes the page."""
    if not request.body:
        return b""
    if len(request.body) > MAX_BODY:
        raise Refused(413, "PayloadTooLarge", f"At most {MAX_BODY} bytes")
    if request.header("content-encoding") != "aes128gcm":
        raise Refused(400, "MissingCryptoKeys", "Content-Encoding must be aes128gcm")
    try:
        return decrypt(request.body, subscription.key, subscription.auth)
    except Undecipherable as failure:
        raise Refused(400, "InvalidCryptoKeys", str(failure)) from None


def read_payload(plaintext: bytes) -> object:
    """JSON if it is JSON, else the text; a browser would take either, or bytes."""
    if not plaintext:
        return None
    try:
        payload: object = msgspec.json.decode(plaintext)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return plaintext.decode(errors="replace")
    return payload


def subscription_id(address: str) -> str:
    """The id in a web client's token, in an endpoint, or the id itself."""
    try:
        endpoint = msgspec.json.decode(address)["endpoint"]
    except (ValueError, TypeError, LookupError):
        endpoint = address
    return str(endpoint).rpartition(PATH)[2]
