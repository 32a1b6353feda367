"""Which messages are too large for whom?"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.domain import channels
from services.dispatch.domain.content import (
    AndroidOptions,
    AppleOptions,
    Content,
    Presentation,
    SafariOptions,
    WebOptions,
)
from services.dispatch.domain.messages import Expression, Operator, Platform, Target, TargetKind
from services.dispatch.gateways.limits import SAMPLE_ID, Excess, SizeLimits
from services.dispatch.gateways.rendering import android, apple, browser, chrome_app
from tests.dispatch.makers import EVERYONE, to_devices, to_platforms

# A text of one character, so that nobody takes the message for a silent one.
DOT = Content(".")
LIMIT = {
    Platform.IOS: 2048,
    Platform.ANDROID: 4096,
    Platform.WEB_CHROME: 3993,
    Platform.WEB_FIREFOX: 3993,
    Platform.WEB_SAFARI: 2048,
    Platform.APPEXT_CHROME: 4096,
}
IN_BROWSER = len(browser.render(DOT, WebOptions(), SAMPLE_ID))
FRAME = {
    Platform.IOS: len(apple.render(DOT, SAMPLE_ID)),
    Platform.ANDROID: android.measure(android.render_data(DOT, SAMPLE_ID)),
    Platform.WEB_CHROME: IN_BROWSER,
    Platform.WEB_FIREFOX: IN_BROWSER,
    Platform.WEB_SAFARI: IN_BROWSER,
    Platform.APPEXT_CHROME: android.measure(chrome_app.render_data(DOT, SAMPLE_ID)),
}
DEFAULT = SizeLimits()
ROOM = {platform: limit - FRAME[platform] + 1 for platform, limit in LIMIT.items()}


def excesses(content: Content, *platforms: Platform, limits: SizeLimits = DEFAULT) -> list[Excess]:
    return limits.find_excesses(content, to_platforms(*platforms))


@pytest.mark.parametrize("platform", ROOM)
def test_a_platform_takes_its_limit_to_the_byte(platform: Platform) -> None:
    assert excesses(Content("x" * ROOM[platform]), platform) == []
    assert excesses(Content("x" * (ROOM[platform] + 1)), platform) == [
        Excess(platform, LIMIT[platform] + 1, LIMIT[platform])
    ]


def test_bytes_count_and_not_characters() -> None:
    assert excesses(Content("€" * 700), Platform.IOS)


@pytest.mark.parametrize("target", [EVERYONE, to_devices("d1")])
def test_a_target_that_may_reach_all_is_measured_for_all(target: Target) -> None:
    found = DEFAULT.find_excesses(Content("x" * 2048), target)

    assert [each.platform for each in found] == [Platform.IOS, Platform.WEB_SAFARI]


ANDROID = Expression(Operator.PLATFORM, platform=Platform.ANDROID)
NEWS = Expression(Operator.TAG, tag_name="news")


@pytest.mark.parametrize(
    ("tree", "fits"),
    [
        (NEWS, False),
        (ANDROID, True),
        (Expression(Operator.AND, parts=(NEWS, ANDROID)), True),
        (Expression(Operator.OR, parts=(NEWS, ANDROID)), False),
        (Expression(Operator.NOT, parts=(ANDROID,)), False),
        (Expression(Operator.NOT, parts=(Expression(Operator.NOT, parts=(ANDROID,)),)), True),
    ],
)
def test_an_expression_is_measured_for_the_platforms_that_it_may_mean(
    tree: Expression,
    fits: bool,  # noqa: FBT001  the expectation
) -> None:
    target = Target(TargetKind.EXPRESSION, expression=tree)
    found = DEFAULT.find_excesses(Content("x" * 3000), target)

    assert bool(found) is not fits


def test_a_platform_that_is_not_meant_is_not_asked() -> None:
    assert excesses(Content("x" * 3000), Platform.ANDROID, Platform.WEB_CHROME) == []


def test_a_deployment_may_allow_what_apple_allows() -> None:
    generous = SizeLimits(apple_bytes=4096)

    assert excesses(Content("x" * 3000), Platform.IOS, limits=generous) == []


def test_each_platforms_own_payload_counts_for_it_alone() -> None:
    long = WebOptions(payload='"' + "x" * 4000 + '"')
    content = Content("Hi", firefox=long)

    assert excesses(content, Platform.WEB_CHROME) == []
    assert excesses(content, Platform.WEB_FIREFOX)


@given(some.text(max_size=200), some.text(max_size=50), some.text(max_size=100))
def test_google_counts_names_and_values(alert: str, title: str, url: str) -> None:
    content = Content(alert, url, android=AndroidOptions(title=title))
    data = android.render_data(content, SAMPLE_ID)

    assert android.measure(data) == len("".join([*data, *data.values()]).encode())


def test_an_old_safari_is_measured_too() -> None:
    content = Content("Hi", safari=SafariOptions(url_args=("x" * 2048,)))

    assert excesses(content, Platform.WEB_SAFARI)


def test_safari_takes_no_more_than_a_push_service_whatever_apple_is_allowed() -> None:
    generous = SizeLimits(apple_bytes=4096)
    [excess] = excesses(Content("x" * 4000), Platform.WEB_SAFARI, limits=generous)

    assert excess.limit == 3993


def test_a_channel_does_not_count_because_it_is_shortened_when_sent() -> None:
    channel = channels.Channel("c", "C", description="d" * 1024)

    assert excesses(Content("x" * 3900, channel=channel), Platform.ANDROID) == []


def test_a_text_that_is_not_transmitted_does_not_count() -> None:
    """Apple's silent push carries no alert, however long."""
    silent = replace(Content("x" * 3000), apple=AppleOptions(presentation=Presentation.SILENT))

    assert excesses(silent, Platform.IOS) == []
