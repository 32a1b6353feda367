"""How large a message may be on each platform, checked before it is taken."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.dispatch.domain.faults import PayloadTooLarge
from services.dispatch.domain.ids import ALPHABET, LENGTH
from services.dispatch.domain.messages import Content, Platform, Target, TargetKind
from services.dispatch.gateways import apns, fcm, webpush

FCM_BYTES = 4096
# All ids are of one length, so any of them measures like the one to come.
SAMPLE_ID = ALPHABET[:LENGTH]


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """`apple_bytes` is the deployment's choice, at most Apple's own 4096."""

    apple_bytes: int = 2048

    def check(self, content: Content, target: Target) -> None:
        """Refuse a message too large for a platform that its target may reach.

        Raises:
            PayloadTooLarge: naming the platform, the size and the limit.
        """
        for platform in _reached(target):
            size, limit = self._measure(platform, content)
            if size > limit:
                raise PayloadTooLarge(platform.name, size, limit)

    def _measure(self, platform: Platform, content: Content) -> tuple[int, int]:
        match platform:
            case Platform.IOS:
                return len(apns.render(content, SAMPLE_ID)), self.apple_bytes
            case Platform.ANDROID:
                return fcm.measure(content, SAMPLE_ID), FCM_BYTES
            case _:
                return _measure_web(content, platform), webpush.MAX_PLAINTEXT


def _measure_web(content: Content, platform: Platform) -> int:
    options = content.firefox if platform is Platform.WEB_FIREFOX else content.chrome
    return len(webpush.render(content, options, SAMPLE_ID))


def _reached(target: Target) -> Iterable[Platform]:
    supported = (Platform.IOS, Platform.ANDROID, Platform.WEB_CHROME, Platform.WEB_FIREFOX)
    if target.kind is TargetKind.PLATFORMS:
        return [platform for platform in supported if platform in target.platforms]
    return supported
