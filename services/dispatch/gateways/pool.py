"""Which gateway rings a device: one object per application and credential, kept for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.dispatch.domain.circuits import LEGACY, Holder, Key
from services.dispatch.domain.credentials import (
    KIND_OF_PLATFORM,
    LENDERS,
    ApnsCertificate,
    ApnsCredential,
    Credential,
    FcmCredential,
    GatewayKind,
    WebPushCredential,
)
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.parcels import Recipient
from services.dispatch.domain.rooms import CredentialSource
from services.dispatch.gateways.apns import Apns, ProviderToken
from services.dispatch.gateways.fcm import Fcm
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import Refused, Verdict
from services.dispatch.gateways.webpush import WebPush
from services.dispatch.wire import Answer, Request, Wire

# A replaced credential is noticed within this time, and so within ten seconds by whoever sends.
FRESH_SECONDS = 5.0
MAX_GATEWAYS = 2000


class Gateway(Protocol):
    """The questions that each gateway protocol answers about itself."""

    name: str
    # Whose requests per minute are counted together; empty where nobody counts them.
    quota: str

    # The statuses by which it accepts.
    good: frozenset[int]

    def by_gate(self, recipients: Sequence[Recipient]) -> Mapping[str, Sequence[Recipient]]:
        """Who takes which way, one recipient at least: what may fail while the others do not.

        At most 32 characters, of few values: clients choose their push services themselves.
        """

    def render(self, message: Message, platform: Platform) -> Rendered | Refused:
        """How the message looks: the part that all recipients of a platform share."""

    @property
    def is_prepared(self) -> bool:
        """Whether what requests need is at hand."""

    async def prepare(self) -> None:
        """Fetch what requests need.

        Raises:
            WireError, CredentialRefused: if it is not to be had.
        """

    def write(
        self,
        message: Message,
        rendered: Rendered,
        platform: Platform,
        recipients: Sequence[Recipient],
    ) -> Sequence[Request | None]:
        """A request for each who takes one gate, to be used at once; the gateway is prepared.

        None where the address can never be sent to.
        """

    def read_answer(self, answer: Answer, asked: datetime, url: str, /) -> Verdict:
        """What its answer means, to a request of that URL."""

    def renew(self, asked: datetime) -> None:
        """Forget the token of a request asked then that was Stale, unless a newer one is here."""


@dataclass(frozen=True, slots=True)
class GatewayUrls:
    """Where the gateways are; Web Push endpoints say so themselves."""

    apns: str = "https://api.push.apple.com"
    apns_sandbox: str = "https://api.sandbox.push.apple.com"
    fcm: str = "https://fcm.googleapis.com"
    # RFC 8292 §2.1: whom a push service may ask about our traffic.
    web_push_contact: str = "mailto:webmaster@localhost"


VENDORS = GatewayUrls()


@dataclass(slots=True)
class _Entry:
    gateway: Gateway | None
    version: int
    read_time: float


class GatewayPool:
    """Gateways by application and kind, read anew from registry every few seconds."""

    def __init__(
        self,
        source: CredentialSource,
        urls: GatewayUrls,
        wire: Wire,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._source = source
        self._urls = urls
        self._wire = wire
        self._clock = clock
        self._monotonic = monotonic
        self._entries: OrderedDict[tuple[UUID, GatewayKind], _Entry] = OrderedDict()
        self._apns_tokens: OrderedDict[tuple[str, str, str], ProviderToken] = OrderedDict()
        self._readings: dict[tuple[UUID, GatewayKind], asyncio.Task[_Entry]] = {}

    async def get(self, app_id: UUID, platform: Platform, address: str = "") -> Gateway | None:
        """The gateway of a platform; None if the application has not configured it.

        Safari's has two kinds of addresses: Apple's tokens for web sites, and subscriptions, which
        are JSON. The latter take Web Push, for which any browser's configuration speaks.

        Raises:
            RoomUnavailable: if registry does not answer.
        """
        if platform is Platform.WEB_SAFARI and address.startswith("{"):
            for lender in LENDERS:
                if gateway := await self._get(app_id, KIND_OF_PLATFORM[lender]):
                    return gateway
            return None
        kind = KIND_OF_PLATFORM.get(platform)
        return None if kind is None else await self._get(app_id, kind)

    async def _get(self, app_id: UUID, kind: GatewayKind) -> Gateway | None:
        entry = self._entries.get((app_id, kind))
        if entry is None or self._monotonic() - entry.read_time > FRESH_SECONDS:
            entry = await self._read_once(app_id, kind, entry)
        return entry.gateway

    async def holder(self, key: Key) -> Holder | None:
        """Whose credential is used at a gate now; None if there is none.

        Raises:
            RoomUnavailable: if registry does not answer.
        """
        borrows = key.platform is Platform.WEB_SAFARI and key.gate != LEGACY
        for platform in LENDERS if borrows else (key.platform,):
            kind = KIND_OF_PLATFORM[platform]
            if await self._get(key.app_id, kind) is not None:
                return Holder(platform, self._entries[key.app_id, kind].version)
        return None

    async def _read_once(self, app_id: UUID, kind: GatewayKind, known: _Entry | None) -> _Entry:
        """All who ask meanwhile get the same: two objects would mint two tokens."""
        key = (app_id, kind)
        reading = self._readings.get(key)
        if reading is None:
            reading = asyncio.create_task(self._read(app_id, kind, known))
            self._readings[key] = reading
            reading.add_done_callback(lambda _: self._readings.pop(key))
        return await asyncio.shield(reading)

    async def _read(self, app_id: UUID, kind: GatewayKind, known: _Entry | None) -> _Entry:
        credential = await self._source.credential(app_id, kind)
        now = self._monotonic()
        if credential is None:
            entry = _Entry(None, 0, now)
        elif known is not None and known.version == credential.version:
            entry = _Entry(known.gateway, known.version, now)
        else:
            entry = _Entry(self._open(credential), credential.version, now)
        self._entries[app_id, kind] = entry
        self._entries.move_to_end((app_id, kind))
        if len(self._entries) > MAX_GATEWAYS:
            self._entries.popitem(last=False)
        return entry

    def _open(self, credential: Credential) -> Gateway:
        match credential:
            case ApnsCredential():
                urls = self._apns_urls(credential)
                return Apns(credential, urls[0], self._clock, self._apns_token(credential), urls[1])
            case ApnsCertificate():
                urls = self._apns_urls(credential)
                return Apns(credential, urls[0], self._clock, None, urls[1])
            case FcmCredential():
                return Fcm(credential, self._urls.fcm, self._wire, self._clock)
            case WebPushCredential():
                return WebPush(credential, self._urls.web_push_contact, self._clock)

    def _apns_urls(self, credential: ApnsCredential | ApnsCertificate) -> tuple[str, str]:
        """That of the credential's own environment, and the other's."""
        urls = self._urls.apns, self._urls.apns_sandbox
        return urls[::-1] if credential.sandbox else urls

    def _apns_token(self, credential: ApnsCredential) -> ProviderToken:
        """The token of the credential's key, whichever application it was first needed for."""
        key = (credential.team_id, credential.key_id, credential.private_key)
        token = self._apns_tokens.get(key)
        if token is None:
            token = self._apns_tokens[key] = ProviderToken(credential, self._clock)
        self._apns_tokens.move_to_end(key)
        if len(self._apns_tokens) > MAX_GATEWAYS:
            self._apns_tokens.popitem(last=False)
        return token
