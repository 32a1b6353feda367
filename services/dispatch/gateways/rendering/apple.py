"""iOS: Apple's `aps` dictionary, and beside it what the iOS SDK reads."""

from typing import Any

import msgspec

from services.dispatch.domain.content import AppleOptions, Content, Presentation
from services.dispatch.gateways.rendering import said
from services.dispatch.gateways.rendering.nid import has_template, write_nid_payload

DEFAULT_PRIORITY = 10
# Apple refuses a background push of more.
BACKGROUND_PRIORITY = 5


def render(content: Content, message_id: str) -> bytes:
    """The payload. Its alert is a dictionary and its `payload` a text: wrappers cast to these."""
    apple = content.apple
    payload: dict[str, Any] = {
        "aps": {"content-available": 1} if is_background(content) else _write_aps(content),
        "payload": write_nid_payload(message_id, apple.payload),
    }
    if _is_template(content):
        # An integer always: the wrappers take any integer, 0 too, for a template.
        payload["has-template"] = 1
        payload["template"] = _write_template(content)
    payload |= said({"url": content.url, "attachment-url": apple.attachment_url})
    return msgspec.json.encode(payload)


def is_background(content: Content) -> bool:
    """Whether iOS itself shows nothing: for silence, or because the SDK fills in the text."""
    return _is_silent(content) or _is_template(content)


def choose_priority(content: Content) -> int:
    asked = content.apple.priority or DEFAULT_PRIORITY
    return min(asked, BACKGROUND_PRIORITY) if is_background(content) else asked


def _is_silent(content: Content) -> bool:
    return content.apple.presentation is Presentation.SILENT or not content.alert


def _is_template(content: Content) -> bool:
    return has_template(content.alert) and not _is_silent(content)


def _write_aps(content: Content) -> dict[str, Any]:
    apple = content.apple
    level = apple.interruption_level
    return said(
        {
            "alert": _write_alert(content),
            "badge": apple.badge,
            "sound": _write_sound(apple),
            "category": apple.category,
            "thread-id": apple.thread_id,
            "content-available": 1 if apple.presentation is Presentation.MIXED else None,
            # The app's notification extension fetches the attachment.
            "mutable-content": 1 if apple.attachment_url else None,
            "interruption-level": level.value if level else None,
            "relevance-score": apple.relevance_score,
        }
    )


def _write_alert(content: Content) -> dict[str, Any]:
    apple = content.apple
    return said(
        {
            "title": apple.title,
            "subtitle": apple.subtitle,
            "body": content.alert,
            "action-loc-key": apple.action_key,
            "title-loc-key": apple.title_loc_key,
            "title-loc-args": apple.title_loc_args,
            "loc-key": apple.loc_key,
            "loc-args": apple.loc_args,
            "launch-image": apple.launch_image,
            "summary-arg": apple.summary_arg,
            "summary-arg-count": apple.summary_arg_count,
        }
    )


def _write_sound(apple: AppleOptions) -> str | dict[str, Any]:
    loud = apple.critical_sound
    if loud is None:
        return apple.sound
    return {"critical": 1, "name": loud.name, "volume": loud.volume}


def _write_template(content: Content) -> dict[str, Any]:
    """What the SDK shows once it has filled in the device's own values."""
    apple = content.apple
    alert = {
        "body": content.alert,
        "title": apple.title,
        # A capital T: the SDK reads no other spelling.
        "subTitle": apple.subtitle,
        "sound": apple.sound,
    }
    return said({"alert": said(alert), "badge": apple.badge, "category": apple.category})
