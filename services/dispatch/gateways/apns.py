"""APNs over HTTP/2, by token or by certificate.

Sources: Apple's "Sending notification requests to APNs", "Establishing a token-based connection to
APNs" and "Handling notification responses from APNs".
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from services.dispatch.domain.circuits import LEGACY
from services.dispatch.domain.credentials import ApnsCertificate, ApnsCredential
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.parcels import Environment, Recipient
from services.dispatch.gateways.certificate import ClientCertificate
from services.dispatch.gateways.jwt import sign_es256
from services.dispatch.gateways.rendering import (
    NOTHING_TO_SHOW,
    PAYLOAD_TOO_LARGE,
    Rendered,
    apple,
    safari,
    said,
)
from services.dispatch.gateways.verdicts import (
    Accepted,
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
from services.dispatch.wire import Answer, Request, Template

# Apple refuses tokens older than an hour and objects to new ones within 20 minutes.
TOKEN_AGE = timedelta(minutes=40)
MIN_TOKEN_AGE = timedelta(minutes=20)
SERVER_ERROR_SECONDS = 900.0
MAX_BYTES = 4096

GOOD = frozenset({200})
# Of a uid, in an id: more bits than there will ever be uids for. Those beyond would share an id.
UID_BITS = (1 << 48) - 1

STALE = frozenset({"ExpiredProviderToken", "UnrelatedKeyIdInToken"})
DEAD = frozenset({"Unregistered", "ExpiredToken"})
SUSPECT = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
# What an environment says of the other's addresses, too.
UNKNOWN_HERE = Suspect("BadDeviceToken")
# Said of the connection: on a new one the request may pass at once.
RECONNECT = frozenset({"IdleTimeout", "Shutdown"})
MISCONFIGURED = frozenset(
    {
        "BadCertificate",
        "BadCertificateEnvironment",
        "BadEnvironmentKeyIdInToken",
        "BadEnvironmentKeyInToken",
        "BadTopic",
        "Forbidden",
        "InvalidProviderToken",
        "MissingProviderToken",
        "MissingTopic",
        "TopicDisallowed",
    }
)


def read_answer(answer: Answer, asked: datetime) -> Verdict:
    """Apple's answer as a verdict; what is not in its tables keeps the address."""
    if answer.status in GOOD:
        return Accepted()
    body = read_members(answer.body)
    reason = read_reason(body.get("reason"), answer.status)
    if answer.status == 410 and reason in DEAD:
        return Dead(reason, _read_time(body.get("timestamp"), asked))
    if reason in STALE:
        return Stale(reason)
    if reason in SUSPECT:
        return Suspect(reason)
    if reason in MISCONFIGURED:
        return Misconfigured(reason)
    return _read_delay(answer, reason, asked) or Refused(reason)


def _read_delay(answer: Answer, reason: str, asked: datetime) -> Later | None:
    seconds = read_retry_after(answer.headers, asked)
    if reason in RECONNECT:
        return Later(reason, seconds, Trouble.OUTAGE)
    if answer.status >= 500:
        is_firm = bool(seconds)
        return Later(reason, seconds or SERVER_ERROR_SECONDS, Trouble.OUTAGE, is_firm)
    if reason == "TooManyProviderTokenUpdates":
        return Later(reason, seconds, Trouble.THROTTLED)
    # TooManyRequests is about this one device: others are not slowed for it.
    return Later(reason, seconds) if answer.status == 429 else None


def _read_time(milliseconds: object, asked: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(float(str(milliseconds)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return asked


def _begin_ids(message_id: str) -> tuple[str, int]:
    """How the ids of a message's notifications begin, and what hides the uid in the rest.

    They are UUIDs (version 8, RFC 9562 §5.8): the same for a repeat, another for another device.
    Apple learns no uid by them: each message hides its devices' by bits of its own.
    """
    digits = sha256(message_id.encode()).hexdigest()
    beginning = f"{digits[:8]}-{digits[8:12]}-8{digits[12:15]}-8{digits[15:18]}-"
    return beginning, int(digits[18:30], 16)


def _escape(addresses: Sequence[str]) -> Sequence[str]:
    """None can leave its place in the path. Apple's own are hexadecimal digits."""
    together = "".join(addresses)
    if together.isascii() and together.isalnum():
        return addresses
    return [quote(address, safe="") for address in addresses]


def _write_expiration(message: Message, platform: Platform) -> str:
    """When Apple is to give up, in seconds of the epoch; 0 is Apple's word for now or never."""
    if not message.time_to_live(platform):
        return "0"
    return str(int(message.expire_time(platform).timestamp()))


class ProviderToken:
    """The token of one key. All applications that use the key share it, and its connections.

    Apple objects to a connection whose token changes more than once in 20 minutes, and to one that
    carries the tokens of two teams.
    """

    identity = None

    def __init__(self, credential: ApnsCredential, clock: Callable[[], datetime]) -> None:
        key = load_pem_private_key(credential.private_key.encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("an APNs key is an EC key")  # registry has checked it
        self._key = key
        self._team_id = credential.team_id
        self._key_id = credential.key_id
        self._clock = clock
        self._text = ""
        self._minted = datetime.min.replace(tzinfo=UTC)
        # Whoever names another's team and key id, with a key of its own, must not get into its way.
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        self._key_digest = sha256(point).hexdigest()[:16]
        self._renewed = self._minted
        self._generation = 0

    @property
    def pool(self) -> str:
        return f"apns {self._team_id} {self._key_id} {self._key_digest} {self._generation}"

    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"bearer {self.get()}"),)

    def get(self) -> str:
        now = self._clock()
        if now - self._minted > TOKEN_AGE:
            self._mint(now)
        return self._text

    def renew(self, asked: datetime) -> None:
        """Go on over new connections, unless somebody has since; mint anew what is not young.

        Also a young token needs other connections: Apple may have bound these to another key.
        """
        if asked < self._renewed:
            return
        self._renewed = self._clock()
        self._generation += 1
        if asked - self._minted > MIN_TOKEN_AGE:
            self._mint(self._renewed)

    def _mint(self, now: datetime) -> None:
        claims = {"iss": self._team_id, "iat": int(now.timestamp())}
        self._text = sign_es256(self._key, claims, kid=self._key_id)
        self._minted = now


class Apns:
    """APNs for one credential."""

    name = "apns"
    quota = ""
    good = GOOD

    def __init__(
        self,
        credential: ApnsCredential | ApnsCertificate,
        url: str,
        clock: Callable[[], datetime],
        token: ProviderToken | None = None,
        other_url: str = "",
    ) -> None:
        self.home = Environment.SANDBOX if credential.sandbox else Environment.PRODUCTION
        self._url = url
        self._other_url = other_url
        self._website_name = ""
        self._proof: ProviderToken | ClientCertificate
        match credential:
            case ApnsCredential():
                self._topic = credential.bundle_id
                self._proof = token or ProviderToken(credential, clock)
            case ApnsCertificate():
                self._topic = credential.topic
                self._website_name = credential.website_name
                self._proof = ClientCertificate(credential)

    def by_gate(self, recipients: Sequence[Recipient]) -> Mapping[str, Sequence[Recipient]]:
        """Apple's environments are two services; a web site's certificate has a way of its own."""
        if recipients[0].platform is Platform.WEB_SAFARI:
            return {LEGACY: recipients}
        away = self._find_away(recipients)
        if not away:
            return {self.home.value: recipients}
        uids = {each.uid for each in away}
        here = [each for each in recipients if each.uid not in uids]
        by_gate = {self.home.value: here, self.home.other.value: away}
        return {gate: together for gate, together in by_gate.items() if together}

    def _find_away(self, recipients: Sequence[Recipient]) -> Sequence[Recipient]:
        """Those who are at home in the other environment than the credential's own."""
        if not self._other_url:
            return ()
        here = (None, self.home)
        return [each for each in recipients if each.environment not in here]

    def render(self, message: Message, platform: Platform) -> Rendered | Refused:
        if message.content.dismisses:
            return Refused(NOTHING_TO_SHOW)
        if platform is Platform.WEB_SAFARI:
            return self._render_website_push(message)
        content = message.content
        body = apple.render(content, message.message_id)
        collapse_id = content.apple.collapse_id or message.message_id
        push_type = "background" if apple.is_background(content) else "alert"
        priority = apple.choose_priority(content)
        return self._enclose(message, platform, body, push_type, priority, collapse_id)

    def _render_website_push(self, message: Message) -> Rendered | Refused:
        """For Safari as it was: there is no silence, and no text that is filled in."""
        if not message.content.alert:
            return Refused(NOTHING_TO_SHOW)
        body = safari.render_website_push(message.content, self._website_name)
        if len(body) > MAX_BYTES:  # the name was not known when the message was measured
            return Refused(PAYLOAD_TOO_LARGE)
        platform, priority = Platform.WEB_SAFARI, apple.DEFAULT_PRIORITY
        return self._enclose(message, platform, body, "alert", priority, message.message_id)

    def _enclose(
        self,
        message: Message,
        platform: Platform,
        body: bytes,
        push_type: str,
        priority: int,
        collapse_id: str,
    ) -> Rendered:
        headers = {
            "apns-topic": self._topic,
            "apns-push-type": push_type,
            "apns-priority": str(priority),
            "apns-expiration": _write_expiration(message, platform),
            # A repeat after a crash replaces what it repeats.
            "apns-collapse-id": collapse_id,
        }
        return Rendered(body, tuple(said(headers).items()))

    is_prepared = True

    async def prepare(self) -> None:
        """Nothing to do: we sign our tokens ourselves."""

    def write(
        self,
        message: Message,
        rendered: Rendered,
        platform: Platform,  # noqa: ARG002  it is in what was rendered
        recipients: Sequence[Recipient],
    ) -> Sequence[Request]:
        template = Template(
            self._other_url if self._find_away(recipients[:1]) else self._url,
            (*self._proof.headers(), *rendered.headers),
            ("apns-id",),
            pool=self._proof.pool,
            identity=self._proof.identity,
            http2_only=True,
            one_at_first=True,
        )
        beginning, veil = _begin_ids(message.message_id)
        body, addresses = rendered.body, _escape([each.address for each in recipients])
        return [
            Request(
                template,
                f"/3/device/{address}",
                body,
                (f"{beginning}{(each.uid ^ veil) & UID_BITS:012x}",),
            )
            for each, address in zip(recipients, addresses, strict=True)
        ]

    def read_answer(self, answer: Answer, asked: datetime, _url: str) -> Verdict:
        return read_answer(answer, asked)

    def renew(self, asked: datetime) -> None:
        self._proof.renew(asked)

    def flip(self, recipient: Recipient, verdict: Verdict) -> Recipient | None:
        """The recipient in Apple's other environment, if its address may be at home there."""
        is_unknown_here = verdict == UNKNOWN_HERE and recipient.platform is Platform.IOS
        if recipient.environment is not None or not is_unknown_here or not self._other_url:
            return None
        return recipient._replace(environment=self.home.other)
