"""The REST API's names for what the other rooms name differently."""

import re

from carillon.type.v1.platform_pb2 import Platform

PLATFORM_CODES: dict["Platform.ValueType", str] = {
    Platform.PLATFORM_IOS: "A",
    Platform.PLATFORM_ANDROID: "G",
    Platform.PLATFORM_WEB_CHROME: "WEB_CHROME",
    Platform.PLATFORM_WEB_FIREFOX: "WEB_FIREFOX",
    Platform.PLATFORM_WEB_SAFARI: "WEB_SAFARI",
    Platform.PLATFORM_APPEXT_CHROME: "APPEXT_CHROME",
}
PLATFORM_NAMES = {
    Platform.Name(platform).removeprefix("PLATFORM_"): code
    for platform, code in PLATFORM_CODES.items()
}
PLATFORMS = {code: platform for platform, code in PLATFORM_CODES.items()}

# Longest first: the first prefix that fits is replaced.
PREFIXES = (
    ("message.content.apple.action_key", "settings.apns.iosActionKey"),
    ("message.content.apple.category", "settings.apns.interactiveCategory"),
    ("message.content.apple.collapse_id", "settings.apns.apnsCollapseId"),
    ("message.content.apple.critical_sound", "settings.apns.sound"),
    ("message.content.apple.presentation", "settings.apns.type"),
    ("message.content.apple.summary_arg", "settings.apns.apnsGroupSummaryArg"),
    ("message.content.apple.thread_id", "settings.apns.apnsThreadId"),
    ("message.content.apple.", "settings.apns."),
    ("message.content.android.category", "settings.gcm.interactiveCategory"),
    ("message.content.android.lights.color", "settings.gcm.lights.ledArgb"),
    ("message.content.android.lights.", "settings.gcm.lights.led_"),
    ("message.content.android.presentation", "settings.gcm.type"),
    ("message.content.android.style.kind", "settings.gcm.style.type"),
    ("message.content.android.title", "settings.gcm.androidTitle"),
    ("message.content.android.", "settings.gcm."),
    ("message.content.safari.web.", "settings.safariWeb."),
    ("message.content.safari.", "settings.safariWeb."),
    ("message.content.chrome_app.", "settings.chromeAppExt."),
    ("message.content.chrome.", "settings.chromeWeb."),
    ("message.content.firefox.", "settings.firefoxWeb."),
    ("message.content.", "message."),
    ("message.target.", "target."),
    ("message.target", "target"),
    ("message.annotation", "message"),
    ("message.start_time", "notBefore"),
    ("message.expire_time", "expiresAt"),
    ("configuration.apns.", ""),
    ("configuration.fcm.", ""),
    ("configuration.safari.icons.", ""),
    ("configuration.safari.", ""),
    ("configuration.web_push.", ""),
    ("configuration.", ""),
    ("api_key.", ""),
    ("application.", ""),
    ("webhook.events", "eventTypes"),
    ("webhook.annotation", "eventTypes"),
    ("webhook.", ""),
    ("channel.name", "channelName"),
    ("channel.", ""),
    ("channel_group.name", "groupName"),
    ("channel_group.", ""),
    ("device.", ""),
    ("tag.", ""),
)
ALIASES = {
    "address": "token",
    "app_id": "applicationId",
    "display_name": "name",
    "page_size": "size",
    "page_token": "cursor",
    "pkcs12": "certificate",
    "private_key": "certificate",
    "request_id": "Idempotency-Key",
    "sandbox": "isSandBox",
    "skip": "offset",
    "website_push_id": "websitePushID",
}
BATCH_ITEM = re.compile(r"messages(\[\d+\])\.(.*)", re.DOTALL)
# The names that Apple gives a website's icons are the API's too.
ICON = re.compile(r"icon_\d+x\d+")
# A list of ids is one level deeper inside than outside.
TARGET_LIST = re.compile(r"^(target\.\w+)\.(?:names|platforms)")


def to_rest_name(path: str) -> str:
    """`device.user_id` is `userId`, `messages[3].message.content.url` is `[3].message.url`."""
    item = BATCH_ITEM.fullmatch(path)
    if item:
        return f"{item[1]}.{to_rest_name(item[2])}"
    for prefix, replacement in PREFIXES:
        if path.startswith(prefix):
            path = replacement + path[len(prefix) :]
            break
    path = TARGET_LIST.sub(r"\1", path)
    return ".".join(_to_rest_segment(segment) for segment in path.split("."))


def _to_rest_segment(segment: str) -> str:
    name, bracket, rest = segment.partition("[")
    if name in ALIASES:
        return ALIASES[name] + bracket + rest
    if ICON.match(name):
        return segment
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others) + bracket + rest


def read_platform_name(name: str) -> str:
    """REST's code for a platform named as the proto does; the name itself if it is another."""
    return PLATFORM_NAMES.get(name.removeprefix("PLATFORM_"), name)
