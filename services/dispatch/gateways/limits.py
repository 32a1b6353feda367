"""How large a message may be on each platform, checked before it is taken."""

from dataclasses import dataclass, replace

from services.dispatch.domain.content import Content
from services.dispatch.domain.ids import ALPHABET, LENGTH
from services.dispatch.domain.messages import Platform, Target
from services.dispatch.gateways.rendering import android, apple, browser, chrome_app, safari

# All ids are of one length, so any of them measures like the one to come.
SAMPLE_ID = ALPHABET[:LENGTH]
ALL = tuple(platform for platform in Platform if platform is not Platform.MIXED)


@dataclass(frozen=True, slots=True)
class Excess:
    """A message is larger than a platform takes."""

    platform: Platform
    size: int
    limit: int


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """`apple_bytes` is the deployment's choice, at most Apple's own 4096."""

    apple_bytes: int = 2048

    def find_excesses(self, content: Content, target: Target) -> list[Excess]:
        """For which of the platforms that its target may reach a message is too large.

        An excess is of no consequence where the application has not configured the platform.
        """
        reached = filter(target.may_mean, ALL)
        measured = ((each, self._measure(each, content)) for each in reached)
        return [Excess(each, size, limit) for each, (size, limit) in measured if size > limit]

    def _measure(self, platform: Platform, content: Content) -> tuple[int, int]:
        match platform:
            case Platform.IOS:
                return len(apple.render(content, SAMPLE_ID)), self.apple_bytes
            case Platform.ANDROID:
                return _measure_android(content), android.MAX_BYTES
            case Platform.APPEXT_CHROME:
                return android.measure(
                    chrome_app.render_data(content, SAMPLE_ID)
                ), android.MAX_BYTES
            case Platform.WEB_SAFARI:
                return _measure_safari(content), min(self.apple_bytes, browser.MAX_BYTES)
            case Platform.WEB_FIREFOX:
                return len(browser.render(content, content.firefox, SAMPLE_ID)), browser.MAX_BYTES
            case _:
                return len(browser.render(content, content.chrome, SAMPLE_ID)), browser.MAX_BYTES


def _measure_android(content: Content) -> int:
    """Without its channel, which is shortened at sending if it takes too much."""
    return android.measure(android.render_data(replace(content, channel=None), SAMPLE_ID))


def _measure_safari(content: Content) -> int:
    """Of its two forms the larger: who has which is not known here."""
    web = browser.render(content, safari.web_options(content), SAMPLE_ID)
    return max(len(web), len(safari.render_website_push(content, "")))
