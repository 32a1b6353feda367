"""Browsers: the JSON text that the service worker parses."""

import msgspec

from services.dispatch.domain.content import Content, WebOptions
from services.dispatch.gateways.rendering import said
from services.dispatch.gateways.rendering.nid import write_nid_payload

# The record of 4096 bytes that every push service takes (RFC 8030 §7.2), less its overhead.
MAX_BYTES = 3993


def render(content: Content, options: WebOptions, message_id: str) -> bytes:
    """`payload` is always there, and a text: the worker reads it unasked, the page parses it."""
    body = {
        "alert": content.alert,
        "payload": write_nid_payload(message_id, options.payload),
        "title": options.title,
        "iconUrl": options.icon_url,
        "url": content.url,
    }
    return msgspec.json.encode(said(body))
