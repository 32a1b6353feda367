"""Which messages are too large for whom?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.domain.faults import PayloadTooLarge
from services.dispatch.domain.messages import Content, Options, Platform, Target
from services.dispatch.gateways import apns, fcm, webpush
from services.dispatch.gateways.limits import SAMPLE_ID, SizeLimits
from tests.dispatch.makers import EVERYONE, to_devices, to_platforms

# Room for the text alone, once the frame around it is taken off.
ROOM = {
    Platform.IOS: 2048 - len(apns.render(Content(""), SAMPLE_ID)),
    Platform.ANDROID: 4096 - fcm.measure(Content(""), SAMPLE_ID),
    Platform.WEB_CHROME: 3993 - len(webpush.render(Content(""), Options(), SAMPLE_ID)),
    Platform.WEB_FIREFOX: 3993 - len(webpush.render(Content(""), Options(), SAMPLE_ID)),
}
LIMIT = {
    Platform.IOS: 2048,
    Platform.ANDROID: 4096,
    Platform.WEB_CHROME: 3993,
    Platform.WEB_FIREFOX: 3993,
}


@pytest.mark.parametrize("platform", ROOM)
def test_a_platform_takes_its_limit_to_the_byte(platform: Platform) -> None:
    SizeLimits().check(Content("x" * ROOM[platform]), to_platforms(platform))

    with pytest.raises(PayloadTooLarge) as refused:
        SizeLimits().check(Content("x" * (ROOM[platform] + 1)), to_platforms(platform))
    assert refused.value.facts == {
        "platform": platform.name,
        "size": str(LIMIT[platform] + 1),
        "limit": str(LIMIT[platform]),
    }


def test_bytes_count_and_not_characters() -> None:
    with pytest.raises(PayloadTooLarge):
        SizeLimits().check(Content("€" * 700), to_platforms(Platform.IOS))


@pytest.mark.parametrize("target", [EVERYONE, to_devices("d1")])
def test_a_target_that_may_reach_all_is_measured_by_the_smallest(target: Target) -> None:
    with pytest.raises(PayloadTooLarge) as refused:
        SizeLimits().check(Content("x" * 2048), target)

    assert refused.value.facts["platform"] == "IOS"


def test_a_platform_that_is_not_meant_is_not_asked() -> None:
    SizeLimits().check(Content("x" * 3000), to_platforms(Platform.ANDROID, Platform.WEB_CHROME))


def test_a_deployment_may_allow_what_apple_allows() -> None:
    SizeLimits(apple_bytes=4096).check(Content("x" * 3000), to_platforms(Platform.IOS))


def test_each_platforms_own_payload_counts_for_it_alone() -> None:
    long = Options(payload='"' + "x" * 4000 + '"')
    content = Content("Hi", firefox=long)
    SizeLimits().check(content, to_platforms(Platform.WEB_CHROME))

    with pytest.raises(PayloadTooLarge) as refused:
        SizeLimits().check(content, to_platforms(Platform.WEB_FIREFOX))
    assert refused.value.facts["platform"] == "WEB_FIREFOX"


@given(some.text(max_size=200), some.text(max_size=50), some.text(max_size=100))
def test_google_counts_names_and_values(alert: str, title: str, url: str) -> None:
    content = Content(alert, url, android=Options(title=title))
    data = fcm.render_data(content, SAMPLE_ID)

    assert fcm.measure(content, SAMPLE_ID) == len("".join([*data, *data.values()]).encode())
