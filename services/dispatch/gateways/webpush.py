"""Web Push, as browsers have it: RFC 8030, encrypted by RFC 8291, signed by VAPID (RFC 8292)."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit
from zlib import crc32

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.dispatch.domain.circuits import OTHER
from services.dispatch.domain.content import Content, WebOptions
from services.dispatch.domain.credentials import WebPushCredential
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.parcels import Recipient
from services.dispatch.gateways.encryption import (
    Keys,
    SubscriptionInvalid,
    encrypt,
    pad,
    read_key,
)
from services.dispatch.gateways.jwt import encode_base64url, sign_es256
from services.dispatch.gateways.rendering import NOTHING_TO_SHOW, Rendered, browser, safari, said
from services.dispatch.gateways.verdicts import (
    Accepted,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Suspect,
    Trouble,
    Verdict,
    read_members,
    read_reason,
    read_retry_after,
)
from services.dispatch.wire import Answer, Request, Template, split_url

# Apple gives reasons without tying them to statuses: the reason counts.
MISCONFIGURED = frozenset({"BadAuthorizationHeader", "BadJwtToken", "BadVapidPublicKey"})
AGAIN = frozenset({"IdleTimeout", "InternalServerError", "ServiceUnavailable", "Shutdown"})
# Where others mean that the subscription is gone, Apple means that we asked for a wrong path.
APPLE_BAD_PATH = "BadPath"
# Mozilla's bridge is misconfigured, on its own side: nobody mends that within minutes.
BRIDGE_BROKEN = frozenset({"502 errno 900", "502 errno 901", "500 errno 900", "500 errno 901"})
BRIDGE_SECONDS = 900.0
# Mozilla's word for a failure that may be over by now.
AT_ONCE = "503 errno 202"
# RFC 8292 allows a day; Apple asks not to mint more than hourly.
TOKEN_LIFETIME = timedelta(hours=12)
TOKEN_AGE = timedelta(hours=6)
MAX_ORIGINS = 64
GOOD = frozenset(range(200, 300))
# Bytes; a compromise between telling nothing of a text's length and sending nothing in vain.
PADDING_BLOCK = 128
# How nearly all endpoints begin; to take others apart takes ten times as long.
PLAIN_ORIGIN = re.compile(r"(https://[a-z0-9.:-]+)/")
APPLE_HOST = ".push.apple.com"
# The push services that browsers come with; each is a gate of its own.
APPLE, MICROSOFT = "push.apple.com", "notify.windows.com"
SERVICES = ("fcm.googleapis.com", APPLE, "push.services.mozilla.com", MICROSOFT)
# All others share so many gates: clients name them, and may name any number.
OTHER_GATES = 16


@lru_cache(maxsize=1024)
def choose_gate(origin: str) -> str:
    """The gate of a push service: the same in each process, and of few."""
    try:
        host = (urlsplit(origin).hostname or "").rstrip(".")
    except ValueError:
        host = ""
    for service in SERVICES:
        if host == service or host.endswith("." + service):
            return service
    return f"{OTHER}{crc32(host.encode()) % OTHER_GATES}"


def read_answer(answer: Answer, asked: datetime, url: str = "") -> Verdict:
    """The push service's answer as a verdict; its status says nearly all.

    `url` is what was asked: some services have words of their own.
    """
    if answer.status in GOOD:
        return Accepted()
    reason = _read_reason(answer)
    match answer.status:
        case _ if reason == "VapidPkHashMismatch":
            return Suspect(reason)
        case _ if reason in MISCONFIGURED:
            return Misconfigured(reason)
        case _ if reason in AGAIN:
            return Later(reason, read_retry_after(answer.headers, asked), Trouble.OUTAGE)
        case 404 if reason == APPLE_BAD_PATH or _is_at(url, APPLE):
            return Refused(reason)
        case 404 | 410:
            return Dead(reason, asked)
        case 401 | 403:
            return Misconfigured(reason)
        case _:
            return _read_delay(answer, reason, asked, url) or Refused(reason)


def _read_delay(answer: Answer, reason: str, asked: datetime, url: str) -> Later | None:
    seconds = read_retry_after(answer.headers, asked)
    if answer.status == 429 or (answer.status == 406 and _is_at(url, MICROSOFT)):
        return Later(reason, seconds)
    if answer.status < 500:
        return None
    if seconds is None and reason in BRIDGE_BROKEN:
        return Later(reason, BRIDGE_SECONDS, Trouble.OUTAGE, is_firm=False)
    if seconds is None and reason == AT_ONCE:
        return Later(reason, 0.0, Trouble.OUTAGE)
    return Later(reason, seconds, Trouble.OUTAGE)


def _is_at(url: str, service: str) -> bool:
    return choose_gate(_read_origin(url)) == service


def _read_reason(answer: Answer) -> str:
    """Apple's `reason`, Mozilla's `errno`, or the bare status."""
    body = read_members(answer.body)
    if isinstance(body.get("errno"), int):
        return read_reason(f"{answer.status} errno {body['errno']}", answer.status)
    return read_reason(body.get("reason"), answer.status)


class _Subscription(msgspec.Struct):
    """A device's address: what its browser gave out, as the web SDK writes it."""

    endpoint: str
    user_public_key: str = msgspec.field(name="userPublicKey")
    user_auth: str = msgspec.field(name="userAuth")


SUBSCRIPTION = msgspec.json.Decoder(_Subscription)


def _read_subscription(address: str) -> _Subscription:
    try:
        return SUBSCRIPTION.decode(address)
    except (ValueError, RecursionError):
        raise SubscriptionInvalid("the address is no subscription") from None


def _read_origin(endpoint: str) -> str:
    plain = PLAIN_ORIGIN.match(endpoint)
    if plain is not None:
        return plain[1]
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        raise SubscriptionInvalid("the endpoint is no URL") from None
    return f"{parts.scheme}://{parts.netloc}"


def _find_gate(address: str) -> str:
    try:
        return choose_gate(_read_origin(_read_subscription(address).endpoint))
    except SubscriptionInvalid:
        return choose_gate("")


def choose_options(content: Content, platform: Platform) -> WebOptions:
    match platform:
        case Platform.WEB_FIREFOX:
            return content.firefox
        case Platform.WEB_SAFARI:
            return safari.web_options(content)
        case _:
            return content.chrome


class WebPush:
    """Web Push for one application's VAPID key."""

    name = "webpush"
    good = GOOD
    quota = ""

    def __init__(
        self, credential: WebPushCredential, contact: str, clock: Callable[[], datetime]
    ) -> None:
        scalar = int.from_bytes(credential.vapid_private_key, "big")
        self._key = ec.derive_private_key(scalar, ec.SECP256R1())
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._public_key = encode_base64url(point)
        self._contact = contact
        self._clock = clock
        self._tokens: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def by_gate(self, recipients: Sequence[Recipient]) -> Mapping[str, Sequence[Recipient]]:
        """By push service: one that is slow or down stops none but itself."""
        by_gate: dict[str, list[Recipient]] = {}
        for each in recipients:
            by_gate.setdefault(_find_gate(each.address), []).append(each)
        return by_gate

    def render(self, message: Message, platform: Platform) -> Rendered | Refused:
        """The text that is encrypted for each browser. All must show something."""
        content = message.content
        if content.dismisses or not content.alert:
            return Refused(NOTHING_TO_SHOW)
        options = choose_options(content, platform)
        headers = (
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("urgency", options.urgency.value if options.urgency else ""),
            # A repeat after a crash replaces what it repeats, as long as it was not fetched.
            ("topic", options.topic or message.message_id),
        )
        body = browser.render(content, options, message.message_id)
        return Rendered(body, tuple(said(dict(headers)).items()))

    is_prepared = True

    async def prepare(self) -> None:
        """Nothing to do: we sign our tokens ourselves."""

    def write(
        self,
        message: Message,
        rendered: Rendered,
        platform: Platform,
        recipients: Sequence[Recipient],
    ) -> Sequence[Request | None]:
        """Each request is encrypted for its one browser."""
        seconds = message.remaining_seconds(platform, self._clock())
        templates: dict[str, Template] = {}
        record = pad(rendered.body, PADDING_BLOCK)

        def write(address: str) -> Request | None:
            try:
                subscription = _read_subscription(address)
                keys = Keys(
                    read_key(subscription.user_public_key), read_key(subscription.user_auth)
                )
                origin = _read_origin(subscription.endpoint)
                body = encrypt(record, keys)
            except SubscriptionInvalid:
                return None
            base, path = split_url(subscription.endpoint)
            template = templates.get(base)
            if template is None:
                headers = (*self._headers_for(origin, seconds), *rendered.headers)
                template = templates[base] = Template(base, headers)
            return Request(template, path, body)

        return [write(each.address) for each in recipients]

    def _headers_for(self, origin: str, seconds: int) -> tuple[tuple[str, str], ...]:
        if origin.endswith(APPLE_HOST):
            seconds = max(seconds, 1)  # Apple takes no 0, though RFC 8030 does
        return (
            ("authorization", f"vapid t={self._token(origin)}, k={self._public_key}"),
            ("ttl", str(seconds)),
        )

    def read_answer(self, answer: Answer, asked: datetime, url: str) -> Verdict:
        return read_answer(answer, asked, url)

    def renew(self, asked: datetime) -> None:
        """Nothing to do: no answer of a push service makes a token Stale."""

    def _token(self, origin: str) -> str:
        """The token for an origin, minted anew every few hours."""
        now = self._clock()
        token, minted = self._tokens.get(origin, ("", None))
        if minted is None or now - minted > TOKEN_AGE:
            expiry = int((now + TOKEN_LIFETIME).timestamp())
            claims = {"aud": origin, "exp": expiry, "sub": self._contact}
            token = sign_es256(self._key, claims)
            self._tokens[origin] = (token, now)
            if len(self._tokens) > MAX_ORIGINS:
                self._tokens.popitem(last=False)
        return token
