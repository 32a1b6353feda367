"""What does each platform get to show for alert, title, url, payload and message id?"""

import json
from typing import Any

import pytest

from services.dispatch.domain.messages import Content, Options
from services.dispatch.gateways import apns, fcm, webpush

NID = "AbC12dEf"
BARE = Content(alert="Paid: 12 €")
FULL = Content(
    alert="Dear {{name}}",
    url="https://acme.example/a?b=1",
    apple=Options(title="Apple", payload='{"account": 1}'),
    android=Options(title="Android", payload='{"account": 2}'),
    chrome=Options("Chrome", '{"account": 3}', "https://acme.example/c.png"),
    firefox=Options("Firefox", '{"account": 4}', "https://acme.example/f.png"),
)


def for_apple(content: Content) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads(apns.render(content, NID))
    return rendered


def for_browser(content: Content, options: Options) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads(webpush.render(content, options, NID))
    return rendered


def test_apple_gets_a_dictionary_for_an_alert() -> None:
    assert for_apple(BARE) == {
        "aps": {"alert": {"body": "Paid: 12 €"}},
        "payload": json.dumps({"nid": NID}, separators=(",", ":")),
    }


def test_apple_gets_all_that_is_for_it() -> None:
    rendered = for_apple(FULL)
    inner = json.loads(rendered.pop("payload"))

    assert inner == {"account": 1, "nid": NID}
    assert rendered == {
        "aps": {"alert": {"body": "Dear {{name}}", "title": "Apple"}},
        "url": "https://acme.example/a?b=1",
    }


def test_android_gets_texts_only() -> None:
    assert fcm.render_data(BARE, NID) == {
        "alert": "Paid: 12 €",
        "payload": '{"nid":"AbC12dEf"}',
        "has-template": "0",
    }


def test_android_gets_all_that_is_for_it() -> None:
    rendered = fcm.render_data(FULL, NID)
    inner = json.loads(rendered.pop("payload"))

    assert inner == {"account": 2, "nid": NID}
    assert rendered == {
        "alert": "Dear {{name}}",
        "androidTitle": "Android",
        "url": "https://acme.example/a?b=1",
        "has-template": "1",
    }


def test_a_browser_always_gets_a_payload() -> None:
    assert for_browser(BARE, BARE.chrome) == {
        "alert": "Paid: 12 €",
        "payload": '{"nid":"AbC12dEf"}',
    }


@pytest.mark.parametrize(
    ("options", "account", "icon"),
    [(FULL.chrome, 3, "c"), (FULL.firefox, 4, "f")],
    ids=["chrome", "firefox"],
)
def test_a_browser_gets_all_that_is_for_it(options: Options, account: int, icon: str) -> None:
    rendered = for_browser(FULL, options)
    inner = json.loads(rendered.pop("payload"))

    assert inner == {"account": account, "nid": NID}
    assert rendered == {
        "alert": "Dear {{name}}",
        "title": options.title,
        "iconUrl": f"https://acme.example/{icon}.png",
        "url": "https://acme.example/a?b=1",
    }


def test_what_is_for_one_platform_is_for_no_other() -> None:
    only_apple = Content(alert="Hi", apple=Options("Apple", '{"secret": 1}'))

    assert "title" not in for_browser(only_apple, only_apple.chrome)
    assert "secret" not in json.dumps(fcm.render_data(only_apple, NID))
