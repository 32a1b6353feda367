"""What is dispatch asked for a setting, in whatever way a client writes it?"""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from services.edge.names import to_rest_name
from tests.edge.conftest import World
from tests.edge.test_sends import HELLO, refuse, sent

SILENT = "PRESENTATION_SILENT"


async def ask(world: World, settings: Any, message: Any = None) -> dict[str, Any]:
    """What dispatch was told of a message with these settings, as JSON."""
    await world.send(message={"alert": "Hello"} if message is None else message, settings=settings)
    told: dict[str, Any] = MessageToDict(sent(world).content, preserving_proto_field_name=True)
    return told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"title": "T"}, {"title": "T"}),
        ({"subtitle": "S"}, {"subtitle": "S"}),
        ({"badge": "3"}, {"badge": 3}),
        ({"badge": 0}, {"badge": 0}),
        ({"sound": "bell.caf"}, {"sound": "bell.caf"}),
        ({"sound": {"name": "bell.caf"}}, {"sound": "bell.caf"}),
        (
            {"sound": {"critical": 1, "name": "siren.caf", "volume": "0.5"}},
            {"critical_sound": {"name": "siren.caf", "volume": 0.5}},
        ),
        ({"iosActionKey": "PAY"}, {"action_key": "PAY"}),
        ({"interactiveCategory": "C"}, {"category": "C"}),
        ({"category": "C"}, {"category": "C"}),
        ({"interactiveCategory": "new", "category": "old"}, {"category": "new"}),
        ({"type": "Mixed"}, {"presentation": "PRESENTATION_MIXED"}),
        ({"type": "silent"}, {"presentation": SILENT}),
        (
            {"titleLocKey": "K", "titleLocArgs": ["a"]},
            {"title_loc_key": "K", "title_loc_args": ["a"]},
        ),
        ({"locKey": "K", "locArgs": ["a"]}, {"loc_key": "K", "loc_args": ["a"]}),
        ({"launchImage": "l.png"}, {"launch_image": "l.png"}),
        ({"attachmentUrl": "https://a"}, {"attachment_url": "https://a"}),
        ({"apnsCollapseId": "c"}, {"collapse_id": "c"}),
        ({"apnsThreadId": "t"}, {"thread_id": "t"}),
        (
            {"apnsGroupSummaryArg": "Ada", "apnsGroupSummaryArgCount": 2},
            {"summary_arg": "Ada", "summary_arg_count": 2},
        ),
        ({"payload": {"a": 1}}, {"payload": '{"a":1}'}),
        (
            {"interruptionLevel": "Time-Sensitive"},
            {"interruption_level": "INTERRUPTION_LEVEL_TIME_SENSITIVE"},
        ),
        ({"relevanceScore": 0.5, "priority": 5}, {"relevance_score": 0.5, "priority": 5}),
        ({"timeToLive": 0}, {"time_to_live": 0}),
    ],
)
async def test_a_setting_for_apns_is_told(world: World, given: Any, told: Any) -> None:
    assert (await ask(world, {"apns": given}))["apple"] == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"androidTitle": "T"}, {"title": "T"}),
        ({"collapseKey": "k"}, {"collapse_key": "k"}),
        ({"timeToLive": 3600.0}, {"time_to_live": 3600}),
        ({"timeToLive": "60"}, {"time_to_live": 60}),
        ({"timeToLive": 1.9}, {"time_to_live": 1}),
        ({"payload": '{"b": 2}'}, {"payload": '{"b":2}'}),
        ({"payload": "plain"}, {"payload": '"plain"'}),
        ({"payload": "{not json"}, {"payload": '"{not json"'}),
        ({"priority": "MAX"}, {"priority": "ANDROID_PRIORITY_MAX"}),
        ({"priority": "min"}, {"priority": "ANDROID_PRIORITY_MIN"}),
        ({"sound": "bell"}, {"sound": "bell"}),
        ({"sound": ""}, {"sound": ""}),
        ({"icon": "coin"}, {"icon": "coin"}),
        ({"interactiveCategory": "C"}, {"category": "C"}),
        ({"sync": "TRUE"}, {"sync": True}),
        ({"sync": False}, {}),
        ({"bridge": "false"}, {"bridge": False}),
        ({"visibility": "Private"}, {"visibility": "VISIBILITY_PRIVATE"}),
        ({"visibility": "secret"}, {"visibility": "VISIBILITY_SECRET"}),
        ({"redact": "Something"}, {"redact": "Something"}),
        ({"groupId": "g", "channelId": "c"}, {"group_id": "g", "channel_id": "c"}),
        ({"type": "SILENT"}, {"presentation": SILENT}),
        (
            {"lights": {"ledArgb": "Magneta", "ledOnMs": "100", "ledOffMs": 100}},
            {"lights": {"color": "magenta", "on_ms": 100, "off_ms": 100}},
        ),
        (
            {"lights": {"ledARGB": "Black", "ledOnMS": 1, "ledOffMS": "2"}},
            {"lights": {"color": "black", "on_ms": 1, "off_ms": 2}},
        ),
        (
            {"style": {"type": "INBOX_NOTIFICATION", "title": "T", "lines": ["a", "b"]}},
            {"style": {"kind": "STYLE_KIND_INBOX", "title": "T", "lines": ["a", "b"]}},
        ),
        (
            {"style": {"type": "bigtext_notification", "title": "T", "text": "x", "url": None}},
            {"style": {"kind": "STYLE_KIND_BIG_TEXT", "title": "T", "text": "x"}},
        ),
        (
            {"style": {"type": "picture_notification", "title": "T", "url": "https://a"}},
            {"style": {"kind": "STYLE_KIND_PICTURE", "title": "T", "url": "https://a"}},
        ),
        ({"androidtitle": "odd", "androidTitle": "T"}, {"title": "T"}),
        ({"delayWhileIdle": "true", "type": "", "payload": None, "lights": None}, {}),
    ],
)
async def test_a_setting_for_gcm_is_told(world: World, given: Any, told: Any) -> None:
    content = await ask(world, {"gcm": given})

    assert content.get("android", {}) == told


async def test_the_java_sdks_name_for_gcm_is_known_too(world: World) -> None:
    assert (await ask(world, {"fcm": {"androidTitle": "T"}}))["android"] == {"title": "T"}


WEB = {
    "title": "T",
    "iconUrl": "/i.png",
    "timeToLive": "60",
    "payload": {"a": 1},
    "urgency": "Very-Low",
    "topic": "t",
}
TOLD_WEB = {
    "icon_url": "/i.png",
    "time_to_live": 60,
    "payload": '{"a":1}',
    "urgency": "URGENCY_VERY_LOW",
    "topic": "t",
}


async def test_browsers_are_told_of(world: World) -> None:
    settings = {
        "chromeWeb": WEB,
        "firefoxWeb": {"title": "F"},
        "safariWeb": WEB | {"urlArgs": ["a"], "action": "Pay"},
        "chromeAppExt": {
            "title": "E",
            "iconUrl": "/e.png",
            "timeToLive": 1,
            "collapseKey": "k",
            "delayWhileIdle": True,
            "payload": "p",
        },
    }

    assert await ask(world, settings) == {
        "alert": "Hello",
        "chrome": TOLD_WEB | {"title": "T"},
        "firefox": {"title": "F"},
        "safari": {"title": "T", "action": "Pay", "url_args": ["a"], "web": TOLD_WEB},
        "chrome_app": {
            "title": "E",
            "icon_url": "/e.png",
            "time_to_live": 1,
            "collapse_key": "k",
            "payload": '"p"',
        },
    }


@pytest.mark.parametrize("part", ["apns", "gcm"])
async def test_silence_needs_no_alert(world: World, part: str) -> None:
    await ask(world, {part: {"type": "SILENT"}}, message={})

    assert not sent(world).content.alert


async def test_a_mixed_message_needs_one(world: World) -> None:
    body = {"message": {}, "settings": {"apns": {"type": "MIXED"}}}

    await refuse(world, body, "message.alert")


async def test_what_was_not_set_may_be_null(world: World) -> None:
    parts = ("apns", "gcm", "chromeWeb", "firefoxWeb", "safariWeb", "chromeAppExt")
    nothing = {"title": None, "payload": None, "type": None, "style": None, "unknown": 1}

    assert set(await ask(world, dict.fromkeys(parts, nothing) | {"wns": {}})) <= {
        "alert",
        "apple",
        "android",
        "chrome",
        "firefox",
        "safari",
        "chrome_app",
    }


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"apns": {"title": 1}}, "settings.apns.title"),
        ({"apns": {"badge": "many"}}, "settings.apns.badge"),
        ({"apns": {"badge": 1.5}}, "settings.apns.badge"),
        ({"apns": {"locArgs": ["a", 1]}}, "settings.apns.locArgs[1]"),
        ({"apns": {"type": "LOUD"}}, "settings.apns.type"),
        ({"apns": "x"}, "settings.apns"),
        ({"gcm": {"priority": "urgent"}}, "settings.gcm.priority"),
        ({"gcm": {"visibility": "hidden"}}, "settings.gcm.visibility"),
        ({"gcm": {"timeToLive": 2419201}}, "settings.gcm.timeToLive"),
        ({"gcm": {"timeToLive": -1}}, "settings.gcm.timeToLive"),
        ({"gcm": {"sync": "x"}}, "settings.gcm.sync"),
        ({"gcm": {"type": "MIXED"}}, "settings.gcm.type"),
        ({"apns": {"badge": 2**40}}, "settings.apns.badge"),
        ({"apns": {"badge": -1}}, "settings.apns.badge"),
        ({"apns": {"interruptionLevel": "loud"}}, "settings.apns.interruptionLevel"),
        ({"apns": {"sound": {"critical": "x"}}}, "settings.apns.sound.critical"),
        ({"apns": {"timeToLive": "nan"}}, "settings.apns.timeToLive"),
        ({"gcm": {"timeToLive": 1e300}}, "settings.gcm.timeToLive"),
        ({"chromeWeb": {"urgency": "now"}}, "settings.chromeWeb.urgency"),
        ({"gcm": {"lights": {"ledOffMS": -1}}}, "settings.gcm.lights.ledOffMs"),
        ({"gcm": {"style": {"type": "loud"}}}, "settings.gcm.style.type"),
        ({"gcm": {"style": {"lines": "a,b"}}}, "settings.gcm.style.lines"),
        ({"gcm": {"lights": {"ledArgb": "pink"}}}, "settings.gcm.lights.ledArgb"),
        ({"gcm": {"lights": {"ledOnMs": []}}}, "settings.gcm.lights.ledOnMs"),
        ({"chromeWeb": {"iconUrl": {}}}, "settings.chromeWeb.iconUrl"),
        ({"firefoxWeb": {"timeToLive": 10**30}}, "settings.firefoxWeb.timeToLive"),
        ({"safariWeb": {"urlArgs": 1}}, "settings.safariWeb.urlArgs"),
        ({"chromeAppExt": {"delayWhileIdle": "x"}}, "settings.chromeAppExt.delayWhileIdle"),
    ],
)
async def test_a_wrong_setting_is_named(world: World, settings: Any, field: str) -> None:
    await refuse(world, HELLO | {"settings": settings}, field)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("apple.badge", "settings.apns.badge"),
        ("apple.action_key", "settings.apns.iosActionKey"),
        ("apple.category", "settings.apns.interactiveCategory"),
        ("apple.collapse_id", "settings.apns.apnsCollapseId"),
        ("apple.critical_sound.volume", "settings.apns.sound.volume"),
        ("apple.presentation", "settings.apns.type"),
        ("apple.summary_arg_count", "settings.apns.apnsGroupSummaryArgCount"),
        ("apple.thread_id", "settings.apns.apnsThreadId"),
        ("apple.loc_args[1]", "settings.apns.locArgs[1]"),
        ("android.title", "settings.gcm.androidTitle"),
        ("android.category", "settings.gcm.interactiveCategory"),
        ("android.lights.color", "settings.gcm.lights.ledArgb"),
        ("android.lights.on_ms", "settings.gcm.lights.ledOnMs"),
        ("android.style.kind", "settings.gcm.style.type"),
        ("android.style.lines", "settings.gcm.style.lines"),
        ("android.presentation", "settings.gcm.type"),
        ("safari.url_args[0]", "settings.safariWeb.urlArgs[0]"),
        ("safari.web.topic", "settings.safariWeb.topic"),
        ("chrome_app.time_to_live", "settings.chromeAppExt.timeToLive"),
        ("firefox.payload", "settings.firefoxWeb.payload"),
    ],
)
def test_what_dispatch_refuses_is_named_as_the_client_wrote_it(inside: str, outside: str) -> None:
    assert to_rest_name(f"message.content.{inside}") == outside
    assert to_rest_name(f"messages[2].message.content.{inside}") == f"[2].{outside}"
