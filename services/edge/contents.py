"""What a message says and how it is to look, as dispatch is told it.

Words in any case become enums here; what else a setting must be is dispatch's to judge.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar

import msgspec

from carillon.dispatch.v1 import content_pb2 as pb
from services.edge import bodies, problems
from services.edge.message_settings import (
    Apns,
    ChromeAppExt,
    Gcm,
    Lights,
    MessageSettings,
    SafariWeb,
    Sound,
    Style,
    Web,
)

MAX_TIME_TO_LIVE = 2_419_200
MAX_COUNT = 2**31 - 1
Word = TypeVar("Word")

# Words in lower case; the empty one stands for none.
ANDROID_TYPES = {
    "": pb.PRESENTATION_UNSPECIFIED,
    "default": pb.PRESENTATION_ALERT,
    "silent": pb.PRESENTATION_SILENT,
}
APPLE_TYPES = ANDROID_TYPES | {"mixed": pb.PRESENTATION_MIXED}
LEVELS = {
    "": pb.INTERRUPTION_LEVEL_UNSPECIFIED,
    "passive": pb.INTERRUPTION_LEVEL_PASSIVE,
    "active": pb.INTERRUPTION_LEVEL_ACTIVE,
    "time-sensitive": pb.INTERRUPTION_LEVEL_TIME_SENSITIVE,
    "critical": pb.INTERRUPTION_LEVEL_CRITICAL,
}
PRIORITIES = {
    "": pb.ANDROID_PRIORITY_UNSPECIFIED,
    "max": pb.ANDROID_PRIORITY_MAX,
    "high": pb.ANDROID_PRIORITY_HIGH,
    "default": pb.ANDROID_PRIORITY_DEFAULT,
    "low": pb.ANDROID_PRIORITY_LOW,
    "min": pb.ANDROID_PRIORITY_MIN,
}
VISIBILITIES = {
    "": pb.VISIBILITY_UNSPECIFIED,
    "public": pb.VISIBILITY_PUBLIC,
    "private": pb.VISIBILITY_PRIVATE,
    "secret": pb.VISIBILITY_SECRET,
}
STYLES = {
    "": pb.STYLE_KIND_UNSPECIFIED,
    "bigtext_notification": pb.STYLE_KIND_BIG_TEXT,
    "picture_notification": pb.STYLE_KIND_PICTURE,
    "inbox_notification": pb.STYLE_KIND_INBOX,
}
URGENCIES = {
    "": pb.URGENCY_UNSPECIFIED,
    "very-low": pb.URGENCY_VERY_LOW,
    "low": pb.URGENCY_LOW,
    "normal": pb.URGENCY_NORMAL,
    "high": pb.URGENCY_HIGH,
}
COLOURS = {
    name: name
    for name in (
        *("black", "darkgray", "gray", "lightgray", "white", "red", "green", "blue", "yellow"),
        *("cyan", "magenta", "transparent"),
    )
} | {"": "", "magneta": "magenta"}  # the server SDK for Swift writes it so


def write_content(alert: str, url: str, settings: MessageSettings, prefix: str) -> pb.Content:
    """The content of a send; `prefix` names it within a batch.

    Raises:
        Problem: 400 naming the setting that is none of the words it may be.
    """
    content, field = pb.Content(alert=alert, url=url), f"{prefix}settings."
    if settings.apns:
        content.apple.CopyFrom(_write_apns(settings.apns, f"{field}apns"))
    if settings.gcm:
        content.android.CopyFrom(_write_gcm(settings.gcm, f"{field}gcm"))
    if settings.chrome_web:
        content.chrome.CopyFrom(_write_web(settings.chrome_web, f"{field}chromeWeb"))
    if settings.firefox_web:
        content.firefox.CopyFrom(_write_web(settings.firefox_web, f"{field}firefoxWeb"))
    if settings.safari_web:
        content.safari.CopyFrom(_write_safari(settings.safari_web, f"{field}safariWeb"))
    if settings.chrome_app_ext:
        app = _write_chrome_app(settings.chrome_app_ext, f"{field}chromeAppExt")
        content.chrome_app.CopyFrom(app)
    return content


def _write_apns(apns: Apns, field: str) -> pb.AppleOptions:
    options = pb.AppleOptions(
        title=apns.title or "",
        subtitle=apns.subtitle or "",
        payload=_write_payload(apns.payload),
        presentation=_read_word(f"{field}.type", apns.type, APPLE_TYPES),
        badge=_read_count(f"{field}.badge", apns.badge),
        action_key=apns.ios_action_key or "",
        category=apns.interactive_category or apns.category or "",
        title_loc_key=apns.title_loc_key or "",
        title_loc_args=apns.title_loc_args or (),
        loc_key=apns.loc_key or "",
        loc_args=apns.loc_args or (),
        launch_image=apns.launch_image or "",
        attachment_url=apns.attachment_url or "",
        collapse_id=apns.apns_collapse_id or "",
        thread_id=apns.apns_thread_id or "",
        summary_arg=apns.apns_group_summary_arg or "",
        summary_arg_count=_read_count(
            f"{field}.apnsGroupSummaryArgCount", apns.apns_group_summary_arg_count
        ),
        interruption_level=_read_word(
            f"{field}.interruptionLevel", apns.interruption_level, LEVELS
        ),
        relevance_score=apns.relevance_score,
        priority=_read_count(f"{field}.priority", apns.priority),
        time_to_live=_read_seconds(field, apns.time_to_live),
    )
    if isinstance(apns.sound, Sound) and apns.sound.critical:
        loud = pb.CriticalSound(name=apns.sound.name or "", volume=apns.sound.volume)
        options.critical_sound.CopyFrom(loud)
    else:
        sound = apns.sound.name if isinstance(apns.sound, Sound) else apns.sound
        options.sound = sound or ""
    return options


def _write_gcm(gcm: Gcm, field: str) -> pb.AndroidOptions:
    return pb.AndroidOptions(
        title=gcm.android_title or "",
        payload=_write_payload(gcm.payload),
        presentation=_read_word(f"{field}.type", gcm.type, ANDROID_TYPES),
        priority=_read_word(f"{field}.priority", gcm.priority, PRIORITIES),
        sound=gcm.sound,
        icon=gcm.icon or "",
        category=gcm.interactive_category or gcm.category or "",
        visibility=_read_word(f"{field}.visibility", gcm.visibility, VISIBILITIES),
        redact=gcm.redact or "",
        group_id=gcm.group_id or "",
        lights=_write_lights(gcm.lights, f"{field}.lights") if gcm.lights else None,
        style=_write_style(gcm.style, f"{field}.style") if gcm.style else None,
        bridge=gcm.bridge,
        sync=bool(gcm.sync),
        collapse_key=gcm.collapse_key or "",
        time_to_live=_read_seconds(field, gcm.time_to_live),
        channel_id=gcm.channel_id or "",
    )


def _write_lights(lights: Lights, field: str) -> pb.Lights:
    return pb.Lights(
        color=_read_word(f"{field}.ledArgb", lights.led_argb, COLOURS),
        on_ms=_read_count(f"{field}.ledOnMs", lights.led_on_ms) or 0,
        off_ms=_read_count(f"{field}.ledOffMs", lights.led_off_ms) or 0,
    )


def _write_style(style: Style, field: str) -> pb.Style:
    return pb.Style(
        kind=_read_word(f"{field}.type", style.type, STYLES),
        title=style.title or "",
        url=style.url or "",
        text=style.text or "",
        lines=style.lines or (),
    )


def _write_web(web: Web, field: str) -> pb.WebOptions:
    return pb.WebOptions(
        title=web.title or "",
        payload=_write_payload(web.payload),
        icon_url=web.icon_url or "",
        urgency=_read_word(f"{field}.urgency", web.urgency, URGENCIES),
        topic=web.topic or "",
        time_to_live=_read_seconds(field, web.time_to_live),
    )


def _write_safari(safari: SafariWeb, field: str) -> pb.SafariOptions:
    web = _write_web(safari, field)
    web.ClearField("title")
    return pb.SafariOptions(
        title=safari.title or "",
        action=safari.action or "",
        url_args=safari.url_args or (),
        web=web,
    )


def _write_chrome_app(app: ChromeAppExt, field: str) -> pb.ChromeAppOptions:
    return pb.ChromeAppOptions(
        title=app.title or "",
        payload=_write_payload(app.payload),
        icon_url=app.icon_url or "",
        collapse_key=app.collapse_key or "",
        time_to_live=_read_seconds(field, app.time_to_live),
    )


def _read_word(field: str, word: str | None, table: Mapping[str, Word]) -> Word:
    """What a word stands for, in whatever case; an empty one is none."""
    meaning = table.get((word or "").lower())
    if meaning is None:
        allowed = ", ".join(filter(None, table))
        raise problems.invalid(field, f"must be one of {allowed}, not '{word}'")
    return meaning


def _read_count(field: str, number: int | None) -> int | None:
    if number is not None and not 0 <= number <= MAX_COUNT:
        raise problems.invalid(field, f"must be 0 to {MAX_COUNT}, not {number}")
    return number


def _read_seconds(field: str, seconds: float | None) -> int | None:
    """Whole seconds: one client sends them as floating numbers."""
    if seconds is None:
        return None
    if not 0 <= seconds <= MAX_TIME_TO_LIVE:
        raise problems.invalid(
            f"{field}.timeToLive", f"must be 0 to {MAX_TIME_TO_LIVE} seconds, not {seconds:g}"
        )
    return math.floor(seconds)


def _write_payload(payload: object) -> str:
    """As JSON. A text that holds a JSON object means that object; SDKs send either."""
    if payload is None or payload == "":
        return ""
    if isinstance(payload, str):
        # A text that only begins like an object stays a text.
        with suppress(problems.Problem):
            payload = bodies.decode(payload.encode()) if payload.lstrip()[:1] == "{" else payload
    return msgspec.json.encode(payload).decode()
