"""Android: data of texts alone. A `notification` beside it would bypass the SDK's service."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from services.dispatch.domain.channels import Channel
from services.dispatch.domain.content import (
    AndroidOptions,
    AndroidPriority,
    Content,
    Lights,
    Presentation,
    Style,
    StyleKind,
)
from services.dispatch.gateways.rendering import said
from services.dispatch.gateways.rendering.nid import has_template, write_nid_payload

MAX_BYTES = 4096
DISMISS = "com.ibm.mobilefirstplatform.clientsdk.android.push.DISMISS_NOTIFICATION"
# Google delivers these when the phone is awake anyway.
PATIENT = frozenset({AndroidPriority.LOW, AndroidPriority.MIN})


def render_data(content: Content, message_id: str) -> dict[str, str]:
    """What arrives at the device, if it fits; `has-template` is always there and numeric."""
    if content.dismisses:
        return {"action": DISMISS, "nid": content.dismisses}
    android = content.android
    silent = android.presentation is Presentation.SILENT or not content.alert
    data = {
        "alert": content.alert,
        "payload": write_nid_payload(message_id, android.payload),
        "has-template": "1" if has_template(content.alert) else "0",
    }
    if android.sound is not None:
        data["sound"] = android.sound  # blank asks for none, absence for the phone's own
    return data | said(
        {
            "url": content.url,
            "androidTitle": android.title,
            "type": "SILENT" if silent else "",
            "priority": android.priority.value if android.priority else "",
            "visibility": android.visibility.value if android.visibility else "",
            "redact": android.redact,
            "icon": android.icon,
            "interactiveCategory": android.category,
            "groupId": android.group_id,
            "bridge": "" if android.bridge else "false",
            "lights": _write_lights(android.lights) if android.lights else "",
            "style": _write_style(android.style) if android.style else "",
            "channel": _write_channel(content.channel) if content.channel else "",
        }
    )


def fit_data(content: Content, message_id: str) -> dict[str, str] | None:
    """What arrives at the device, its channel shortened if need be; None if nothing helps.

    The message alone was measured when it was taken; a channel may make it too large since. Left
    out in turn: the channel's description, its vibration pattern, its group.
    """
    for channel in _shorten(content.channel):
        data = render_data(replace(content, channel=channel), message_id)
        if measure(data) <= MAX_BYTES:
            return data
    return None


def measure(data: dict[str, str]) -> int:
    """Bytes that count against Google's limit: names and values in UTF-8."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in data.items())


def choose_priority(android: AndroidOptions) -> str:
    """High reaches a dozing phone: data that is to become a notification needs it."""
    return "NORMAL" if android.priority in PATIENT else "HIGH"


def _shorten(channel: Channel | None) -> Iterator[Channel | None]:
    yield channel
    if channel is not None:
        yield (channel := replace(channel, description=""))
        yield (channel := replace(channel, vibration_pattern=()))
        yield replace(channel, group=None)


def _write_lights(lights: Lights) -> str:
    # Not as REST spells them: these are the names that the SDK reads.
    members = {"ledARGB": lights.color, "ledOnMS": lights.on_ms, "ledOffMS": lights.off_ms}
    return _encode(said(members))


def _write_style(style: Style) -> str:
    """The SDK reads the title, and the kind's own part; without either it shows nothing."""
    members = {"type": style.kind.value, "title": style.title}
    match style.kind:
        case StyleKind.PICTURE:
            members["url"] = style.url
        case StyleKind.BIG_TEXT:
            members["text"] = style.text
        case StyleKind.INBOX:
            # It reads a text and splits at commas: a list would leave its quotes in the lines.
            members["lines"] = ",".join(style.lines)
    return _encode(members)


def _write_channel(channel: Channel) -> str:
    members = {
        "channelId": channel.channel_id,
        "channelName": channel.name,
        "importance": channel.importance,
        "enableLights": channel.enable_lights,
        "lightColor": channel.light_color,
        "enableVibration": channel.enable_vibration,
        "vibrationPattern": channel.vibration_pattern,
        "sound": channel.sound,
        "lockScreenVisibility": channel.lock_screen_visibility.value,
        "bypassDND": channel.bypass_dnd,
        "showBadge": channel.show_badge,
        "description": channel.description,
    }
    if group := channel.group:
        # A text within the text, as the SDK parses it.
        members["groupJson"] = _encode({"groupId": group.group_id, "groupName": group.name})
    return _encode(said(members))


def _encode(members: Mapping[str, object]) -> str:
    return msgspec.json.encode(members).decode()
