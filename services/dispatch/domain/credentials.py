"""What an application signs its requests to a gateway with. Never logged, never stored here."""

from dataclasses import dataclass, field
from enum import Enum

from services.dispatch.domain.messages import Platform


class GatewayKind(Enum):
    APNS = "apns"
    FCM = "fcm"
    WEB_CHROME = "web_chrome"
    WEB_FIREFOX = "web_firefox"
    WEB_SAFARI = "web_safari"
    APPEXT_CHROME = "appext_chrome"


KIND_OF_PLATFORM = {
    Platform.IOS: GatewayKind.APNS,
    Platform.ANDROID: GatewayKind.FCM,
    Platform.WEB_CHROME: GatewayKind.WEB_CHROME,
    Platform.WEB_FIREFOX: GatewayKind.WEB_FIREFOX,
    Platform.WEB_SAFARI: GatewayKind.WEB_SAFARI,
    Platform.APPEXT_CHROME: GatewayKind.APPEXT_CHROME,
}
# By whose configuration Safari's subscriptions are rung, the first that there is.
LENDERS = (Platform.WEB_CHROME, Platform.WEB_FIREFOX)


@dataclass(frozen=True, slots=True)
class ApnsCredential:
    """A .p8 key; `private_key` in PEM."""

    version: int
    key_id: str
    team_id: str
    bundle_id: str
    sandbox: bool
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApnsCertificate:
    """A certificate with its chain, and its key, in PEM. Without a topic its own is meant.

    `website_name` is the web site's whose certificate it is, and empty for an app's.
    """

    version: int
    topic: str
    sandbox: bool
    certificate_chain: str
    private_key: str = field(repr=False)
    website_name: str = ""


@dataclass(frozen=True, slots=True)
class FcmCredential:
    """A service account, as JSON text."""

    version: int
    service_account: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebPushCredential:
    """The private scalar of the application's VAPID key, 32 bytes."""

    version: int
    vapid_private_key: bytes = field(repr=False)


Credential = ApnsCredential | ApnsCertificate | FcmCredential | WebPushCredential
