"""Chrome apps and extensions: data of texts, which the SDK's background page reads."""

from services.dispatch.domain.content import Content
from services.dispatch.gateways.rendering import said
from services.dispatch.gateways.rendering.nid import write_nid_payload


def render_data(content: Content, message_id: str) -> dict[str, str]:
    """`payload` is always there: its text is also the notification's id."""
    options = content.chrome_app
    return said(
        {
            "alert": content.alert,
            "payload": write_nid_payload(message_id, options.payload),
            "title": options.title,
            "iconUrl": options.icon_url,
            "url": content.url,
        }
    )
