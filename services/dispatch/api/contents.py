"""The content of a message, between protobuf and the domain; checked field by field."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from carillon.dispatch.v1 import content_pb2 as pb
from services.dispatch.api.checks import (
    MAX_ITEMS,
    MAX_TEXT,
    Reader,
    parse_name,
    parse_range,
    parse_text,
)
from services.dispatch.domain.channels import COLOURS, Channel
from services.dispatch.domain.content import (
    MAX_TIME_TO_LIVE,
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
    Urgency,
    Visibility,
    WebOptions,
)
from services.kit.faults import FieldInvalid

MAX_URL = 2048
MAX_BLINK_MS = 3_600_000
MAX_COUNT = 2**31 - 1
# Known only inside: what a channel stood for, and what a message takes off a phone.
INTERNAL = frozenset({"channel", "dismisses", "spared_uids"})
APPLE_PRIORITIES = (1, 5, 10)
COLLAPSE_ID = re.compile(r"[\x20-\x7e]{1,64}")
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")

PRESENTATIONS = {
    pb.PRESENTATION_ALERT: Presentation.ALERT,
    pb.PRESENTATION_MIXED: Presentation.MIXED,
    pb.PRESENTATION_SILENT: Presentation.SILENT,
}
LEVELS = {
    pb.INTERRUPTION_LEVEL_PASSIVE: InterruptionLevel.PASSIVE,
    pb.INTERRUPTION_LEVEL_ACTIVE: InterruptionLevel.ACTIVE,
    pb.INTERRUPTION_LEVEL_TIME_SENSITIVE: InterruptionLevel.TIME_SENSITIVE,
    pb.INTERRUPTION_LEVEL_CRITICAL: InterruptionLevel.CRITICAL,
}
PRIORITIES = {
    pb.ANDROID_PRIORITY_MAX: AndroidPriority.MAX,
    pb.ANDROID_PRIORITY_HIGH: AndroidPriority.HIGH,
    pb.ANDROID_PRIORITY_DEFAULT: AndroidPriority.DEFAULT,
    pb.ANDROID_PRIORITY_LOW: AndroidPriority.LOW,
    pb.ANDROID_PRIORITY_MIN: AndroidPriority.MIN,
}
VISIBILITIES = {
    pb.VISIBILITY_PUBLIC: Visibility.PUBLIC,
    pb.VISIBILITY_PRIVATE: Visibility.PRIVATE,
    pb.VISIBILITY_SECRET: Visibility.SECRET,
}
STYLES = {
    pb.STYLE_KIND_BIG_TEXT: StyleKind.BIG_TEXT,
    pb.STYLE_KIND_PICTURE: StyleKind.PICTURE,
    pb.STYLE_KIND_INBOX: StyleKind.INBOX,
}
URGENCIES = {
    pb.URGENCY_VERY_LOW: Urgency.VERY_LOW,
    pb.URGENCY_LOW: Urgency.LOW,
    pb.URGENCY_NORMAL: Urgency.NORMAL,
    pb.URGENCY_HIGH: Urgency.HIGH,
}
NUMBERS: Mapping[object, int] = {
    word: number
    for table in (PRESENTATIONS, LEVELS, PRIORITIES, VISIBILITIES, STYLES, URGENCIES)
    for number, word in table.items()
}


def parse_content(field: str, content: pb.Content, known: Mapping[str, Channel]) -> Content:
    """A content; `known` are the channels that it may name."""
    parsed = Content(
        alert=parse_text(f"{field}.alert", content.alert, MAX_TEXT),
        url=parse_text(f"{field}.url", content.url, MAX_URL),
        apple=_parse_apple(f"{field}.apple", content.apple),
        android=_parse_android(f"{field}.android", content.android),
        chrome=_parse_web(f"{field}.chrome", content.chrome),
        firefox=_parse_web(f"{field}.firefox", content.firefox),
        safari=_parse_safari(f"{field}.safari", content.safari),
        chrome_app=_parse_chrome_app(f"{field}.chrome_app", content.chrome_app),
        prefer_loss=content.prefer_loss,
        channel=_expand_channel(f"{field}.android.channel_id", content.android.channel_id, known),
    )
    if not parsed.may_be_silent:
        parse_name(f"{field}.alert", parsed.alert, MAX_TEXT)
    return parsed


def _expand_channel(field: str, channel_id: str, known: Mapping[str, Channel]) -> Channel | None:
    if not channel_id:
        return None
    if channel_id not in known:
        raise FieldInvalid(field, "names no channel of this application")
    return known[channel_id]


def _parse_apple(field: str, options: pb.AppleOptions) -> AppleOptions:
    read = Reader(field, options)
    if options.sound and options.HasField("critical_sound"):
        raise FieldInvalid(f"{field}.sound", "excludes critical_sound")
    priority = read.number("priority", 0, MAX_COUNT)
    if priority is not None and priority not in APPLE_PRIORITIES:
        raise FieldInvalid(f"{field}.priority", f"must be 1, 5 or 10, not {priority}")
    if options.collapse_id and not COLLAPSE_ID.fullmatch(options.collapse_id):
        raise FieldInvalid(f"{field}.collapse_id", "must be 1 to 64 printable ASCII characters")
    return AppleOptions(
        title=read.text("title"),
        subtitle=read.text("subtitle"),
        payload=read.payload(),
        presentation=read.word("presentation", PRESENTATIONS) or Presentation.ALERT,
        badge=read.number("badge", 0, MAX_COUNT),
        sound=read.text("sound"),
        critical_sound=_parse_sound(f"{field}.critical_sound", options),
        action_key=read.text("action_key"),
        category=read.text("category"),
        title_loc_key=read.text("title_loc_key"),
        title_loc_args=read.texts("title_loc_args"),
        loc_key=read.text("loc_key"),
        loc_args=read.texts("loc_args"),
        launch_image=read.text("launch_image"),
        attachment_url=read.text("attachment_url", MAX_URL),
        collapse_id=options.collapse_id,
        thread_id=read.text("thread_id"),
        summary_arg=read.text("summary_arg"),
        summary_arg_count=read.number("summary_arg_count", 0, MAX_COUNT),
        interruption_level=read.word("interruption_level", LEVELS),
        relevance_score=read.share("relevance_score"),
        priority=priority,
        time_to_live=read.number("time_to_live", 0, MAX_TIME_TO_LIVE),
    )


def _parse_sound(field: str, options: pb.AppleOptions) -> CriticalSound | None:
    if not options.HasField("critical_sound"):
        return None
    read = Reader(field, options.critical_sound)
    volume = read.share("volume")
    return CriticalSound(read.text("name") or "default", 1.0 if volume is None else volume)


def _parse_android(field: str, options: pb.AndroidOptions) -> AndroidOptions:
    read = Reader(field, options)
    presentation = read.word("presentation", PRESENTATIONS) or Presentation.ALERT
    if presentation is Presentation.MIXED:
        raise FieldInvalid(f"{field}.presentation", "must not be PRESENTATION_MIXED on Android")
    return AndroidOptions(
        title=read.text("title"),
        payload=read.payload(),
        presentation=presentation,
        priority=read.word("priority", PRIORITIES),
        sound=read.text("sound") if options.HasField("sound") else None,
        icon=read.text("icon"),
        category=read.text("category"),
        visibility=read.word("visibility", VISIBILITIES),
        redact=read.text("redact"),
        group_id=read.text("group_id"),
        lights=_parse_lights(f"{field}.lights", options),
        style=_parse_style(f"{field}.style", options),
        bridge=not options.HasField("bridge") or options.bridge,
        sync=options.sync,
        collapse_key=read.text("collapse_key"),
        time_to_live=read.number("time_to_live", 0, MAX_TIME_TO_LIVE),
    )


def _parse_lights(field: str, options: pb.AndroidOptions) -> Lights | None:
    if not options.HasField("lights"):
        return None
    lights = options.lights
    if lights.color and lights.color.upper() not in COLOURS:
        allowed = ", ".join(COLOURS).lower()
        raise FieldInvalid(f"{field}.color", f"must be one of {allowed}")
    parse_range(f"{field}.on_ms", lights.on_ms, 0, MAX_BLINK_MS)
    parse_range(f"{field}.off_ms", lights.off_ms, 0, MAX_BLINK_MS)
    return Lights(lights.color.lower(), lights.on_ms, lights.off_ms)


def _parse_style(field: str, options: pb.AndroidOptions) -> Style | None:
    """A style that would silence the phone is refused: the SDK shows nothing if a part lacks."""
    if not options.HasField("style"):
        return None
    style, read = options.style, Reader(field, options.style)
    kind = read.word("kind", STYLES)
    if kind is None:
        raise FieldInvalid(f"{field}.kind", "is required")
    parse_name(f"{field}.title", style.title, MAX_TEXT)
    match kind:
        case StyleKind.PICTURE:
            parse_name(f"{field}.url", style.url, MAX_URL)
        case StyleKind.BIG_TEXT:
            parse_name(f"{field}.text", style.text, MAX_TEXT)
        case StyleKind.INBOX if not style.lines:
            raise FieldInvalid(f"{field}.lines", f"must hold 1 to {MAX_ITEMS} lines")
    return Style(
        kind, style.title, read.text("url", MAX_URL), read.text("text"), read.texts("lines")
    )


def _parse_web(field: str, options: pb.WebOptions) -> WebOptions:
    read = Reader(field, options)
    if options.topic and not TOPIC.fullmatch(options.topic):
        raise FieldInvalid(f"{field}.topic", "must be 1 to 32 characters of base64url")
    return WebOptions(
        title=read.text("title"),
        payload=read.payload(),
        icon_url=read.text("icon_url", MAX_URL),
        urgency=read.word("urgency", URGENCIES),
        topic=options.topic,
        time_to_live=read.number("time_to_live", 0, MAX_TIME_TO_LIVE),
    )


def _parse_safari(field: str, options: pb.SafariOptions) -> SafariOptions:
    read = Reader(field, options)
    return SafariOptions(
        title=read.text("title"),
        action=read.text("action"),
        url_args=read.texts("url_args"),
        web=_parse_web(f"{field}.web", options.web),
    )


def _parse_chrome_app(field: str, options: pb.ChromeAppOptions) -> ChromeAppOptions:
    read = Reader(field, options)
    return ChromeAppOptions(
        title=read.text("title"),
        payload=read.payload(),
        icon_url=read.text("icon_url", MAX_URL),
        collapse_key=read.text("collapse_key"),
        time_to_live=read.number("time_to_live", 0, MAX_TIME_TO_LIVE),
    )


def write_content(content: Content) -> pb.Content:
    """The members have the same names on both sides; what was left out stays out."""
    written = pb.Content()
    _write(content, written)
    if content.channel:
        written.android.channel_id = content.channel.channel_id
    return written


def _write(options: Any, written: Any) -> None:  # noqa: ANN401  any part of a content
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name in INTERNAL or value == field.default:
            continue
        if isinstance(value, Enum):
            setattr(written, field.name, NUMBERS[value])
        elif isinstance(value, tuple):
            getattr(written, field.name).extend(value)
        elif is_dataclass(value):
            part = getattr(written, field.name)
            part.SetInParent()
            _write(value, part)
        else:
            setattr(written, field.name, value)
