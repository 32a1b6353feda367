"""What does each platform get to show, setting by setting?"""

import json
from dataclasses import replace
from typing import Any

import pytest

from services.dispatch.domain import channels
from services.dispatch.domain.content import (
    AndroidOptions,
    AndroidPriority,
    AppleOptions,
    ChromeAppOptions,
    Content,
    CriticalSound,
    InterruptionLevel,
    Lights,
    Presentation,
    SafariOptions,
    Style,
    StyleKind,
    Visibility,
    WebOptions,
)
from services.dispatch.gateways.rendering import android, apple, browser, chrome_app, safari

NID = "AbC12dEf"
BARE = Content(alert="Paid: 12 €")
TEMPLATE = Content(alert="Dear {{ name }}")
URL = "https://acme.example/a?b=1"
ONLY_NID = '{"nid":"AbC12dEf"}'


def for_apple(content: Content) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads(apple.render(content, NID))
    return rendered


def on_apple(**options: Any) -> dict[str, Any]:
    return for_apple(replace(BARE, apple=AppleOptions(**options)))


def on_android(**options: Any) -> dict[str, str]:
    return android.render_data(replace(BARE, android=AndroidOptions(**options)), NID)


def in_browser(content: Content, options: WebOptions) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads(browser.render(content, options, NID))
    return rendered


def test_apple_gets_a_dictionary_for_an_alert_and_a_text_for_a_payload() -> None:
    assert for_apple(BARE) == {"aps": {"alert": {"body": "Paid: 12 €"}}, "payload": ONLY_NID}


@pytest.mark.parametrize(
    ("option", "value", "key", "shown"),
    [
        ("title", "T", "title", "T"),
        ("subtitle", "S", "subtitle", "S"),
        ("action_key", "PAY", "action-loc-key", "PAY"),
        ("title_loc_key", "TK", "title-loc-key", "TK"),
        ("title_loc_args", ("a", "b"), "title-loc-args", ["a", "b"]),
        ("loc_key", "LK", "loc-key", "LK"),
        ("loc_args", ("c",), "loc-args", ["c"]),
        ("launch_image", "l.png", "launch-image", "l.png"),
        ("summary_arg", "Ada", "summary-arg", "Ada"),
        ("summary_arg_count", 0, "summary-arg-count", 0),
    ],
)
def test_apple_reads_it_in_the_alert(option: str, value: Any, key: str, shown: Any) -> None:
    assert on_apple(**{option: value})["aps"] == {"alert": {"body": "Paid: 12 €", key: shown}}


@pytest.mark.parametrize(
    ("option", "value", "key", "shown"),
    [
        ("badge", 3, "badge", 3),
        ("badge", 0, "badge", 0),
        ("sound", "bell.caf", "sound", "bell.caf"),
        (
            "critical_sound",
            CriticalSound("siren.caf", 0.5),
            "sound",
            {"critical": 1, "name": "siren.caf", "volume": 0.5},
        ),
        ("category", "PAYMENT", "category", "PAYMENT"),
        ("thread_id", "account-1", "thread-id", "account-1"),
        ("presentation", Presentation.MIXED, "content-available", 1),
        ("attachment_url", "https://acme.example/p.png", "mutable-content", 1),
        (
            "interruption_level",
            InterruptionLevel.TIME_SENSITIVE,
            "interruption-level",
            "time-sensitive",
        ),
        ("relevance_score", 0.0, "relevance-score", 0.0),
    ],
)
def test_apple_reads_it_beside_the_alert(option: str, value: Any, key: str, shown: Any) -> None:
    assert on_apple(**{option: value})["aps"] == {"alert": {"body": "Paid: 12 €"}, key: shown}


def test_the_ios_sdk_reads_link_attachment_and_payload_at_the_top() -> None:
    options = AppleOptions(attachment_url="https://acme.example/p.png", payload='{"account": 1}')
    rendered = for_apple(replace(BARE, url=URL, apple=options))

    assert rendered["url"] == URL
    assert rendered["attachment-url"] == "https://acme.example/p.png"
    assert json.loads(rendered["payload"]) == {"account": 1, "nid": NID}


def test_silence_transmits_no_text_on_apple() -> None:
    rendered = on_apple(presentation=Presentation.SILENT, badge=3, sound="x", title="T")

    assert rendered == {"aps": {"content-available": 1}, "payload": ONLY_NID}


def test_a_template_is_silent_on_apple_for_the_sdk_to_fill_in() -> None:
    options = AppleOptions(title="T", subtitle="S", sound="b.caf", badge=2, category="C")
    rendered = for_apple(replace(TEMPLATE, url=URL, apple=options))

    assert rendered == {
        "aps": {"content-available": 1},
        "payload": ONLY_NID,
        "has-template": 1,
        "template": {
            "alert": {
                "body": "Dear {{ name }}",
                "title": "T",
                "subTitle": "S",
                "sound": "b.caf",
            },
            "badge": 2,
            "category": "C",
        },
        "url": URL,
    }
    assert isinstance(rendered["has-template"], int)


@pytest.mark.parametrize(
    ("content", "asked", "priority", "background"),
    [
        (BARE, None, 10, False),
        (BARE, 1, 1, False),
        (TEMPLATE, None, 5, True),
        (Content(""), None, 5, True),
        (Content(""), 10, 5, True),
        (Content(""), 1, 1, True),
    ],
)
def test_a_background_push_has_a_priority_that_apple_takes(
    content: Content, asked: int | None, priority: int, *, background: bool
) -> None:
    content = replace(content, apple=AppleOptions(priority=asked))

    assert apple.choose_priority(content) == priority
    assert apple.is_background(content) is background


def test_android_gets_texts_only() -> None:
    assert android.render_data(BARE, NID) == {
        "alert": "Paid: 12 €",
        "payload": ONLY_NID,
        "has-template": "0",
    }
    assert android.render_data(TEMPLATE, NID)["has-template"] == "1"


@pytest.mark.parametrize(
    ("option", "value", "key", "shown"),
    [
        ("title", "T", "androidTitle", "T"),
        ("presentation", Presentation.SILENT, "type", "SILENT"),
        ("priority", AndroidPriority.MAX, "priority", "max"),
        ("visibility", Visibility.PRIVATE, "visibility", "private"),
        ("redact", "Something", "redact", "Something"),
        ("sound", "bell", "sound", "bell"),
        ("sound", "", "sound", ""),
        ("icon", "coin", "icon", "coin"),
        ("category", "PAYMENT", "interactiveCategory", "PAYMENT"),
        ("group_id", "g", "groupId", "g"),
        ("bridge", False, "bridge", "false"),
        ("lights", Lights("red", 100, 0), "lights", '{"ledARGB":"red","ledOnMS":100,"ledOffMS":0}'),
    ],
)
def test_android_reads_it_by_this_key(option: str, value: Any, key: str, shown: str) -> None:
    bare = android.render_data(BARE, NID)

    assert on_android(**{option: value}) == bare | {key: shown}


@pytest.mark.parametrize(
    "options", [{"sync": True}, {"collapse_key": "k"}, {"time_to_live": 0}, {"bridge": True}]
)
def test_what_is_no_business_of_the_phone_is_not_in_its_data(options: Any) -> None:
    assert on_android(**options) == android.render_data(BARE, NID)


@pytest.mark.parametrize(
    ("style", "written"),
    [
        (
            Style(StyleKind.BIG_TEXT, "T", text="long"),
            {"type": "bigtext_notification", "title": "T", "text": "long"},
        ),
        (
            Style(StyleKind.PICTURE, "T", url=URL),
            {"type": "picture_notification", "title": "T", "url": URL},
        ),
        (
            Style(StyleKind.INBOX, "T", lines=("one", "two")),
            {"type": "inbox_notification", "title": "T", "lines": "one,two"},
        ),
    ],
)
def test_a_style_is_a_text_with_what_its_kind_reads(style: Style, written: dict[str, str]) -> None:
    assert json.loads(on_android(style=style)["style"]) == written


CHANNEL = channels.Channel(
    "alerts",
    "Alerts",
    importance=5,
    light_color="RED",
    vibration_pattern=(0, 200),
    lock_screen_visibility=channels.Visibility.SECRET,
    description="What hurries",
    group=channels.ChannelGroup("money", "Money"),
)


def test_a_channel_is_a_text_with_its_group_as_a_text_in_it() -> None:
    written = json.loads(android.render_data(replace(BARE, channel=CHANNEL), NID)["channel"])
    group = json.loads(written.pop("groupJson"))

    assert group == {"groupId": "money", "groupName": "Money"}
    assert written == {
        "channelId": "alerts",
        "channelName": "Alerts",
        "importance": 5,
        "enableLights": False,
        "lightColor": "RED",
        "enableVibration": False,
        "vibrationPattern": [0, 200],
        "lockScreenVisibility": -1,
        "bypassDND": False,
        "showBadge": True,
        "description": "What hurries",
    }


@pytest.mark.parametrize(
    ("room", "missing"),
    [
        (0, set()),
        (1, {"description"}),
        (40, {"description", "vibrationPattern"}),
        (75, {"description", "vibrationPattern", "groupJson"}),
    ],
)
def test_a_channel_that_takes_too_much_is_shortened_in_order(room: int, missing: set[str]) -> None:
    frame = android.measure(android.render_data(Content("", channel=CHANNEL), NID))
    frame -= len("type") + len("SILENT")  # an empty alert is silent, a long one is not
    content = Content("x" * (android.MAX_BYTES - frame + room), channel=CHANNEL)
    data = android.fit_data(content, NID)
    whole = android.render_data(content, NID)

    assert data is not None
    assert android.measure(data) <= android.MAX_BYTES
    assert set(json.loads(whole["channel"])) - set(json.loads(data["channel"])) == missing


def test_a_channel_that_takes_too_much_even_so_is_refused() -> None:
    assert android.fit_data(Content("x" * 4000, channel=CHANNEL), NID) is None


@pytest.mark.parametrize(
    ("priority", "envelope"),
    [
        (None, "HIGH"),
        (AndroidPriority.MAX, "HIGH"),
        (AndroidPriority.DEFAULT, "HIGH"),
        (AndroidPriority.LOW, "NORMAL"),
        (AndroidPriority.MIN, "NORMAL"),
    ],
)
def test_only_what_may_wait_travels_with_normal_priority(
    priority: AndroidPriority | None, envelope: str
) -> None:
    assert android.choose_priority(AndroidOptions(priority=priority)) == envelope


def test_a_dismissal_is_what_the_sdk_takes_for_one() -> None:
    assert android.render_data(Content("", dismisses="Gone1234"), NID) == {
        "action": "com.ibm.mobilefirstplatform.clientsdk.android.push.DISMISS_NOTIFICATION",
        "nid": "Gone1234",
    }


def test_a_browser_always_gets_a_payload() -> None:
    assert in_browser(BARE, BARE.chrome) == {"alert": "Paid: 12 €", "payload": ONLY_NID}


def test_a_browser_gets_all_that_is_for_it() -> None:
    options = WebOptions("T", '{"account": 3}', "https://acme.example/i.png")
    rendered = in_browser(replace(TEMPLATE, url=URL), options)
    inner = json.loads(rendered.pop("payload"))

    assert inner == {"account": 3, "nid": NID}
    assert rendered == {
        "alert": "Dear {{ name }}",
        "title": "T",
        "iconUrl": "https://acme.example/i.png",
        "url": URL,
    }


def test_a_web_site_gets_apples_payload_for_web_sites() -> None:
    options = SafariOptions("T", "Pay", ("a", "b"))
    content = replace(BARE, url=URL, safari=options)

    assert json.loads(safari.render_website_push(content, "ACME")) == {
        "aps": {
            "alert": {"title": "T", "body": "Paid: 12 €", "action": "Pay"},
            "url-args": ["a", "b"],
        }
    }


def test_a_web_sites_name_stands_for_a_title_and_its_arguments_are_always_there() -> None:
    assert json.loads(safari.render_website_push(BARE, "ACME")) == {
        "aps": {"alert": {"title": "ACME", "body": "Paid: 12 €"}, "url-args": []}
    }


def test_safari_as_it_is_now_gets_what_other_browsers_get() -> None:
    options = SafariOptions("T", "Pay", ("a",), WebOptions(icon_url="/i.png", payload='{"a": 1}'))
    rendered = in_browser(BARE, safari.web_options(replace(BARE, safari=options)))

    assert rendered["title"] == "T"
    assert rendered["iconUrl"] == "/i.png"
    assert json.loads(rendered["payload"]) == {"a": 1, "nid": NID}


def test_a_chrome_app_gets_texts_only() -> None:
    options = ChromeAppOptions("T", '{"a": 1}', "/i.png")
    rendered = chrome_app.render_data(replace(BARE, url=URL, chrome_app=options), NID)

    assert json.loads(rendered.pop("payload")) == {"a": 1, "nid": NID}
    assert rendered == {"alert": "Paid: 12 €", "title": "T", "iconUrl": "/i.png", "url": URL}


def test_what_is_for_one_platform_is_for_no_other() -> None:
    only_apple = Content("Hi", apple=AppleOptions(title="Apple", payload='{"secret": 1}'))
    others = [
        in_browser(only_apple, only_apple.chrome),
        android.render_data(only_apple, NID),
        chrome_app.render_data(only_apple, NID),
        json.loads(safari.render_website_push(only_apple, "")),
    ]

    assert not any(
        "Apple" in json.dumps(other) or "secret" in json.dumps(other) for other in others
    )
