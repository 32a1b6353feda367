"""Safari: website push as macOS had it first, and Web Push as it has it since 13."""

from dataclasses import replace

import msgspec

from services.dispatch.domain.content import Content, WebOptions
from services.dispatch.gateways.rendering import said


def render_website_push(content: Content, website_name: str) -> bytes:
    """Apple's payload for web sites. `url-args` is always there: macOS drops a push without."""
    safari = content.safari
    title = safari.title or website_name
    alert = said({"title": title, "body": content.alert, "action": safari.action})
    return msgspec.json.encode({"aps": {"alert": alert, "url-args": safari.url_args}})


def web_options(content: Content) -> WebOptions:
    """What a service worker in Safari is told."""
    return replace(content.safari.web, title=content.safari.title)
