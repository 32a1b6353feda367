"""What the gateways ask of an application."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum


class GatewayKind(Enum):
    """Which configuration; an application has at most one of each."""

    APNS = "apns"
    FCM = "fcm"
    WEB_CHROME = "web_chrome"
    WEB_FIREFOX = "web_firefox"
    WEB_SAFARI = "web_safari"
    APPEXT_CHROME = "appext_chrome"


class GatewayState(Enum):
    """What is known of a credential. The last two are seen when it is read, never stored."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    MISCONFIGURED = "misconfigured"
    INCOMPLETE = "incomplete"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ApnsSettings:
    """A .p8 key, or a certificate with its chain and key, which has no key_id and team_id."""

    key_id: str
    team_id: str
    bundle_id: str
    sandbox: bool
    file_name: str
    certificate_chain: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SafariSettings:
    website_name: str
    url_format_string: str
    website_push_id: str
    web_site_url: str
    file_name: str
    certificate_chain: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FcmSettings:
    sender_id: str
    project_id: str
    api_key: str = field(repr=False)
    service_account: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebPushSettings:
    web_site_url: str
    api_key: str = field(repr=False)


GatewaySettings = ApnsSettings | FcmSettings | WebPushSettings | SafariSettings

SETTINGS_OF: dict[GatewayKind, type[GatewaySettings]] = {
    GatewayKind.APNS: ApnsSettings,
    GatewayKind.FCM: FcmSettings,
    GatewayKind.WEB_CHROME: WebPushSettings,
    GatewayKind.WEB_FIREFOX: WebPushSettings,
    GatewayKind.WEB_SAFARI: SafariSettings,
    GatewayKind.APPEXT_CHROME: FcmSettings,
}

# Members that are stored encrypted, whether or not callers may read them back.
SEALED_MEMBERS = frozenset({"private_key", "service_account", "api_key"})


@dataclass(frozen=True, slots=True)
class GatewayDraft:
    """A configuration that is well formed and not yet stored."""

    kind: GatewayKind
    settings: GatewaySettings
    expire_time: datetime | None = None
    state: GatewayState = GatewayState.UNVERIFIED
    state_reason: str = ""
    # PNG files by Apple's names.
    icons: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayConfiguration:
    kind: GatewayKind
    settings: GatewaySettings
    version: int
    update_time: datetime
    expire_time: datetime | None = None
    state: GatewayState = GatewayState.UNVERIFIED
    state_reason: str = ""

    def state_at(self, now: datetime) -> GatewayState:
        """What is known of it now: time and a missing account outweigh what a gateway said."""
        if isinstance(self.settings, FcmSettings) and not self.settings.service_account:
            return GatewayState.INCOMPLETE
        if self.expire_time is not None and self.expire_time <= now:
            return GatewayState.EXPIRED
        return self.state

    def with_account_of(self, lender: "GatewayConfiguration | None") -> "GatewayConfiguration":
        """An extension without an account of its own speaks by that of the FCM configuration."""
        if (
            self.kind is not GatewayKind.APPEXT_CHROME
            or lender is None
            or not isinstance(self.settings, FcmSettings)
            or not isinstance(lender.settings, FcmSettings)
            or self.settings.service_account
        ):
            return self
        lent = replace(
            self.settings,
            project_id=lender.settings.project_id,
            service_account=lender.settings.service_account,
        )
        return replace(self, settings=lent, version=max(self.version, lender.version))
