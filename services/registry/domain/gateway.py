"""What the gateways ask of an application."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class GatewayKind(Enum):
    """Which configuration; an application has at most one of each."""

    APNS = "apns"
    FCM = "fcm"
    WEB_CHROME = "web_chrome"
    WEB_FIREFOX = "web_firefox"


@dataclass(frozen=True, slots=True)
class ApnsSettings:
    key_id: str
    team_id: str
    bundle_id: str
    sandbox: bool
    key_file_name: str
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


GatewaySettings = ApnsSettings | FcmSettings | WebPushSettings

SETTINGS_OF: dict[GatewayKind, type[GatewaySettings]] = {
    GatewayKind.APNS: ApnsSettings,
    GatewayKind.FCM: FcmSettings,
    GatewayKind.WEB_CHROME: WebPushSettings,
    GatewayKind.WEB_FIREFOX: WebPushSettings,
}

# Members that are stored encrypted, whether or not callers may read them back.
SEALED_MEMBERS = frozenset({"private_key", "service_account", "api_key"})


@dataclass(frozen=True, slots=True)
class GatewayConfiguration:
    kind: GatewayKind
    settings: GatewaySettings
    version: int
    update_time: datetime
