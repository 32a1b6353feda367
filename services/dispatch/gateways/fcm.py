"""FCM HTTP v1: data-only messages, an OAuth token from the application's service account.

Sources: Firebase's "FCM error codes" and "Scale FCM", Google's "Using OAuth 2.0 for server to
server applications".
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.dispatch.domain.credentials import FcmCredential
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.parcels import Recipient
from services.dispatch.gateways.jwt import sign_rs256
from services.dispatch.gateways.rendering import (
    NOTHING_TO_SHOW,
    PAYLOAD_TOO_LARGE,
    Rendered,
    android,
    chrome_app,
    said,
)
from services.dispatch.gateways.verdicts import (
    Accepted,
    CredentialRefused,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Stale,
    Suspect,
    Trouble,
    Verdict,
    read_members,
    read_reason,
    read_retry_after,
)
from services.dispatch.wire import (
    ANSWER_SECONDS,
    Answer,
    Forbidden,
    Request,
    Template,
    Unanswered,
    Unsent,
    Wire,
    split_url,
)

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 3600
MAX_TOKEN_SECONDS = 86_400
# RFC 6750 §2.1: what may stand in an Authorization header.
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# A token is renewed this long before it runs out.
RENEW_AHEAD = timedelta(minutes=5)
# Where that fails, it is tried again so often, and the old one used until shortly before its end.
ASK_AGAIN = timedelta(seconds=10)
SPARE = timedelta(minutes=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
QUOTA_SECONDS = 60.0
GOOD = frozenset({200})
# RFC 6749 §5.2: the account was revoked, or is not what it says.
REFUSED_GRANTS = frozenset({400, 401, 403})
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
# The only one of INVALID_ARGUMENT's many causes that lies with the device.
BLAMES_ADDRESS = "registration token is not a valid"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def read_answer(answer: Answer, asked: datetime) -> Verdict:
    """Google's answer as a verdict. Only FCM's own word in the details ends an address."""
    if answer.status in GOOD:
        return Accepted()
    code, word = _read_code(answer)
    retry_after = read_retry_after(answer.headers, asked)
    match answer.status, code:
        case 404, "UNREGISTERED":
            return Dead(word, asked)
        case 403, "SENDER_ID_MISMATCH":
            return Suspect(word)
        case 401, "THIRD_PARTY_AUTH_ERROR":
            return Misconfigured(word)
        case 401, _:
            return Stale(word)
        case ((403 | 404), _):
            return Misconfigured(word)
        case 429, _ if _is_device_quota(answer):
            return Later(word, retry_after)
        case 429, _:
            return Later(word, retry_after or QUOTA_SECONDS, Trouble.THROTTLED)
        case number, _ if number >= 500:
            return Later(word, retry_after, Trouble.OUTAGE)
        case _:
            return Refused(word, code == "INVALID_ARGUMENT" and _blames_address(answer))


def _is_device_quota(answer: Answer) -> bool:
    """Whether a QuotaFailure says that it is one device that is sent to too often."""
    failures = _read_details(_read_error(answer), QUOTA_FAILURE)
    subjects = [
        str(violation.get("subject", ""))
        for failure in failures
        for violation in _read_objects(failure.get("violations"))
    ]
    return bool(subjects) and all(subject.startswith("device") for subject in subjects)


def _blames_address(answer: Answer) -> bool:
    """Whether FCM calls what it was given no token, and finds no fault with the message."""
    error = _read_error(answer)
    fields = [
        violation.get("field")
        for detail in _read_details(error, BAD_REQUEST)
        for violation in _read_objects(detail.get("fieldViolations"))
    ]
    return BLAMES_ADDRESS in str(error.get("message")) and set(fields) <= {"message.token"}


def _read_error(answer: Answer) -> dict[str, Any]:
    error = read_members(answer.body).get("error")
    return error if isinstance(error, dict) else {}


def _read_details(error: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in _read_objects(error.get("details")) if each.get("@type") == kind]


def _read_objects(value: object) -> list[dict[str, Any]]:
    """The objects in what should be an array of them."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _read_code(answer: Answer) -> tuple[str, str]:
    """FCM's own code, empty where it does not speak; and the best word there is for the error."""
    error = _read_error(answer)
    codes = [detail.get("errorCode") for detail in _read_details(error, FCM_ERROR)]
    code = codes[0] if codes and isinstance(codes[0], str) else ""
    return code, read_reason(code or error.get("status"), answer.status)


class Fcm:
    """FCM for one service account."""

    name = "fcm"
    good = GOOD

    def __init__(
        self, credential: FcmCredential, url: str, wire: Wire, clock: Callable[[], datetime]
    ) -> None:
        account: dict[str, Any] = msgspec.json.decode(credential.service_account)
        project = quote(account["project_id"], safe="")
        # Google counts by project. Whoever names another's, with a key of its own, must not use up
        # what is that one's.
        key = sha256(account["private_key"].encode()).hexdigest()[:16]
        self.quota = f"{project} {key}"
        self._base, self._path = split_url(f"{url}/v1/projects/{project}/messages:send")
        self._tokens = OAuthTokens(account, wire, clock)
        self._clock = clock

    def by_gate(self, recipients: Sequence[Recipient]) -> Mapping[str, Sequence[Recipient]]:
        """One service and one project: there is one way."""
        return {"": recipients}

    def render(self, message: Message, platform: Platform) -> Rendered | Refused:
        """The request's body up to time to live and address, which `write` puts in."""
        if platform is Platform.APPEXT_CHROME:
            return _render_chrome_app(message)
        options = message.content.android
        data = android.fit_data(message.content, message.message_id)
        if data is None:
            return Refused(PAYLOAD_TOO_LARGE)
        return _write_body(data, android.choose_priority(options), options.collapse_key)

    @property
    def is_prepared(self) -> bool:
        return self._tokens.is_at_hand()

    async def prepare(self) -> None:
        await self._tokens.get()

    def write(
        self,
        message: Message,
        rendered: Rendered,
        platform: Platform,
        recipients: Sequence[Recipient],
    ) -> Sequence[Request]:
        headers = (("authorization", f"Bearer {self._tokens.text}"), *rendered.headers)
        seconds = message.remaining_seconds(platform, self._clock())
        beginning = b'%s,"ttl":"%ds"},"token":' % (rendered.body, seconds)
        template, path, encode = Template(self._base, headers), self._path, msgspec.json.encode
        return [
            Request(template, path, b"%s%s}}" % (beginning, encode(each.address)))
            for each in recipients
        ]

    def read_answer(self, answer: Answer, asked: datetime, _url: str) -> Verdict:
        return read_answer(answer, asked)

    def renew(self, asked: datetime) -> None:
        self._tokens.forget(asked)


def _render_chrome_app(message: Message) -> Rendered | Refused:
    if message.content.dismisses or not message.content.alert:
        return Refused(NOTHING_TO_SHOW)
    data = chrome_app.render_data(message.content, message.message_id)
    return _write_body(data, "HIGH", message.content.chrome_app.collapse_key)


def _write_body(data: dict[str, str], priority: str, collapse_key: str) -> Rendered:
    config = said({"priority": priority, "collapse_key": collapse_key})
    body = msgspec.json.encode({"data": data, "android": config})
    return Rendered(b'{"message":' + body[:-2], (("content-type", "application/json"),))


class OAuthTokens:
    """Access tokens of one service account, renewed ahead of their end, one request at a time."""

    def __init__(self, account: dict[str, Any], wire: Wire, clock: Callable[[], datetime]) -> None:
        key = load_pem_private_key(account["private_key"].encode(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("a service account's key is an RSA key")  # registry has checked it
        self._key = key
        self._account = account
        self._wire = wire
        self._clock = clock
        self._fetching: asyncio.Task[None] | None = None
        # The last token; of use as long as it is at hand.
        self.text = ""
        self._fetch_time = self._renew_time = self._end_time = LONG_AGO
        self._ask_again_time = LONG_AGO

    def forget(self, used: datetime) -> None:
        """Give up the token that was in use then; one that came since is another."""
        if self._fetch_time <= used:
            self._renew_time = self._end_time = LONG_AGO

    def is_at_hand(self) -> bool:
        """Whether there is a token that is good now; one near its end is renewed meanwhile."""
        now = self._clock()
        if now >= self._end_time:
            return False
        if now >= self._renew_time and now >= self._ask_again_time:
            self._ask_again_time = now + ASK_AGAIN
            self._fetch_once()
        return True

    async def get(self) -> str:
        """A token that is good for minutes.

        Raises:
            Unsent: if the token endpoint does not give one; nothing was sent to a device.
            CredentialRefused: if it never will.
        """
        if self._clock() >= self._renew_time:
            await asyncio.shield(self._fetch_once())
        return self.text

    def _fetch_once(self) -> asyncio.Task[None]:
        """All who wait share the answer, and the silence: in turn they would wait for hours."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._end_fetching)
        return self._fetching

    def _end_fetching(self, fetching: asyncio.Task[None]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            fetching.exception()  # whoever waited has it; perhaps nobody does any more

    async def _post(self, now: datetime) -> Answer:
        try:
            return await self._wire.post(self.ask(now))
        except Forbidden:
            raise CredentialRefused("OAuth forbidden") from None
        except Unanswered as error:
            raise Unsent(f"OAuth {error}") from None

    async def _fetch(self) -> None:
        now = self._clock()
        answer = await self._post(now)
        body = read_members(answer.body)
        token, seconds = body.get("access_token"), body.get("expires_in")
        if answer.status in REFUSED_GRANTS:
            raise CredentialRefused(f"OAuth {answer.status}")
        if not (isinstance(token, str) and TOKEN.fullmatch(token) and isinstance(seconds, int)):
            raise Unsent(f"OAuth {answer.status}")
        lifetime = timedelta(seconds=min(max(seconds, 0), MAX_TOKEN_SECONDS))
        self.text = token
        self._fetch_time = now
        self._renew_time = now + max(lifetime - RENEW_AHEAD, timedelta())
        self._end_time = now + max(lifetime - SPARE, timedelta())

    def ask(self, now: datetime, seconds: float = ANSWER_SECONDS) -> Request:
        """The request for a token; who makes it waits so long."""
        return Request.to(
            self._account["token_uri"],
            (("content-type", "application/x-www-form-urlencoded"),),
            urlencode({"grant_type": GRANT, "assertion": self._write_assertion(now)}).encode(),
            seconds=seconds,
        )

    def _write_assertion(self, now: datetime) -> str:
        issued = int(now.timestamp())
        claims = {
            "iss": self._account["client_email"],
            "scope": SCOPE,
            "aud": self._account["token_uri"],
            "iat": issued,
            "exp": issued + ASSERTION_SECONDS,
        }
        return sign_rs256(self._key, claims, kid=str(self._account.get("private_key_id", "")))
