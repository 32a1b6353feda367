"""The shape of `settings` in a send: every member that the API names, each optional."""

from collections.abc import Iterator
from typing import Any

import msgspec

from services.edge import problems

MAX_TTL = 2_419_200
DEFAULT, MIXED, SILENT = "default", "mixed", "silent"
PRIORITIES = ("max", "high", "default", "low", "min")
VISIBILITIES = ("public", "private", "secret")
STYLES = ("bigtext_notification", "picture_notification", "inbox_notification")
# The server SDK for Swift writes magenta as `Magneta`.
COLOURS = (
    *("black", "darkgray", "gray", "lightgray", "white", "red", "green", "blue", "yellow"),
    *("cyan", "magenta", "magneta", "transparent"),
)


class Part(msgspec.Struct, rename="camel"):
    """One object within `settings`."""


class Apns(Part):
    badge: int | None = None
    sound: str | None = None
    title: str | None = None
    subtitle: str | None = None
    ios_action_key: str | None = None
    interactive_category: str | None = None
    category: str | None = None
    payload: Any = None
    type: str | None = None
    title_loc_key: str | None = None
    loc_key: str | None = None
    title_loc_args: list[str] | None = None
    loc_args: list[str] | None = None
    launch_image: str | None = None
    attachment_url: str | None = None
    apns_collapse_id: str | None = None
    apns_thread_id: str | None = None
    apns_group_summary_arg: str | None = None
    apns_group_summary_arg_count: int | None = None


class Lights(Part):
    led_argb: str | None = None
    led_on_ms: int | None = None
    led_off_ms: int | None = None


class Style(Part):
    type: str | None = None
    title: str | None = None
    url: str | None = None
    text: str | None = None
    lines: list[str] | None = None


class Gcm(Part):
    android_title: str | None = None
    collapse_key: str | None = None
    delay_while_idle: bool | None = None
    time_to_live: int | None = None
    payload: Any = None
    priority: str | None = None
    sound: str | None = None
    icon: str | None = None
    interactive_category: str | None = None
    sync: bool | None = None
    visibility: str | None = None
    redact: str | None = None
    channel_id: str | None = None
    group_id: str | None = None
    lights: Lights | None = None
    style: Style | None = None
    type: str | None = None


class Web(Part):
    title: str | None = None
    icon_url: str | None = None
    time_to_live: int | None = None
    payload: Any = None


class SafariWeb(Part):
    title: str | None = None
    url_args: list[str] | None = None
    action: str | None = None


class ChromeAppExt(Web):
    collapse_key: str | None = None
    delay_while_idle: bool | None = None


class MessageSettings(Part):
    apns: Apns | None = None
    gcm: Gcm | None = None
    chrome_web: Web | None = None
    firefox_web: Web | None = None
    safari_web: SafariWeb | None = None
    chrome_app_ext: ChromeAppExt | None = None


def check(settings: MessageSettings, prefix: str) -> None:
    """Refuse a value outside its list or range; spelling in any case is fine.

    Raises:
        Problem: 400 naming the member.
    """
    for name, value, allowed in _words(settings):
        if value and value.lower() not in allowed:
            raise problems.invalid(
                f"{prefix}settings.{name}", f"must be one of {', '.join(allowed)}, not '{value}'"
            )
    for name, part in (
        ("gcm", settings.gcm),
        ("chromeWeb", settings.chrome_web),
        ("firefoxWeb", settings.firefox_web),
        ("chromeAppExt", settings.chrome_app_ext),
    ):
        seconds = part.time_to_live if part else None
        if seconds is not None and not 0 <= seconds <= MAX_TTL:
            raise problems.invalid(
                f"{prefix}settings.{name}.timeToLive",
                f"must be 0 to {MAX_TTL} seconds, not {seconds}",
            )


def asks_silence(settings: MessageSettings) -> bool:
    types = [part.type for part in (settings.apns, settings.gcm) if part and part.type]
    return any(kind.lower() == SILENT for kind in types)


def _words(settings: MessageSettings) -> Iterator[tuple[str, str | None, tuple[str, ...]]]:
    if settings.apns:
        yield "apns.type", settings.apns.type, (DEFAULT, MIXED, SILENT)
    gcm = settings.gcm
    if gcm is None:
        return
    yield "gcm.type", gcm.type, (DEFAULT, SILENT)
    yield "gcm.priority", gcm.priority, PRIORITIES
    yield "gcm.visibility", gcm.visibility, VISIBILITIES
    if gcm.style:
        yield "gcm.style.type", gcm.style.type, STYLES
    if gcm.lights:
        yield "gcm.lights.ledArgb", gcm.lights.led_argb, COLOURS
