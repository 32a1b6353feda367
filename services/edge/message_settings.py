"""The shape of `settings` in a send: every member that the API names, each optional.

Beyond the original service: `sound` on iOS may be Apple's dictionary of a critical one, and there
are interruptionLevel, relevanceScore, priority and timeToLive; browsers know urgency and topic, and
Safari what Web Push knows.
"""

from typing import Any

import msgspec


class Part(msgspec.Struct, rename="camel"):
    """One object within `settings`."""


class Sound(Part):
    """Apple's dictionary: critical sounds alone need one."""

    name: str | None = None
    critical: bool | None = None
    volume: float | None = None


class Apns(Part):
    badge: int | None = None
    sound: str | Sound | None = None
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
    interruption_level: str | None = None
    relevance_score: float | None = None
    priority: int | None = None
    time_to_live: float | None = None


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
    time_to_live: float | None = None
    payload: Any = None
    priority: str | None = None
    sound: str | None = None
    icon: str | None = None
    interactive_category: str | None = None
    category: str | None = None
    bridge: bool | None = None
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
    time_to_live: float | None = None
    payload: Any = None
    urgency: str | None = None
    topic: str | None = None


class SafariWeb(Web):
    url_args: list[str] | None = None
    action: str | None = None


class ChromeAppExt(Part):
    title: str | None = None
    icon_url: str | None = None
    time_to_live: float | None = None
    payload: Any = None
    collapse_key: str | None = None
    delay_while_idle: bool | None = None


class MessageSettings(Part):
    apns: Apns | None = None
    gcm: Gcm | None = None
    chrome_web: Web | None = None
    firefox_web: Web | None = None
    safari_web: SafariWeb | None = None
    chrome_app_ext: ChromeAppExt | None = None


# Where clients write a member otherwise. Its case is never asked.
ALIASES = {"fcm": "gcm"}
NESTED: dict[str, type[Part]] = {
    "apns": Apns,
    "gcm": Gcm,
    "chromeWeb": Web,
    "firefoxWeb": Web,
    "safariWeb": SafariWeb,
    "chromeAppExt": ChromeAppExt,
    "lights": Lights,
    "style": Style,
    "sound": Sound,
}


def _list_names(part: type[Part]) -> dict[str, str]:
    names = [field.encode_name for field in msgspec.structs.fields(part)]
    return {name.lower(): name for name in names}


PARTS: tuple[type[Part], ...] = (MessageSettings, *NESTED.values())
NAMES = {part: _list_names(part) for part in PARTS}


def respell(settings: object) -> object:
    """`settings` with its members as the shape spells them: `ledARGB` is `ledArgb`.

    A member that is there in the right spelling too wins over others.
    """
    return _respell(settings, MessageSettings)


def _respell(value: object, part: type[Part]) -> object:
    if not isinstance(value, dict):
        return value
    known = NAMES[part]
    respelt: dict[str, object] = {}
    for given, member in value.items():
        lower = str(given).lower()
        name = known.get(ALIASES.get(lower, lower)) or str(given)
        if name == given or name not in value:
            inner = NESTED.get(name)
            respelt[name] = _respell(member, inner) if inner else member
    return respelt
