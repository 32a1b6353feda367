"""The part of the payload that all platforms share: a JSON text with `nid` and the owner's own.

Source: the payload mapping that the client SDKs rely on; they parse this text a second time.
"""

from typing import Any

import msgspec

TEMPLATE_MARK = "{{"


def write_nid_payload(message_id: str, payload: str) -> str:
    """The JSON text of an object with `nid`, and beside it the members of `payload`.

    `payload` is JSON text or empty. A string that holds a JSON object is opened too; what is no
    object stands under the member `payload`. Our `nid` wins over one of the owner's.
    """
    members: dict[str, Any] = {}
    value = _open(payload)
    if isinstance(value, dict):
        members.update(value)
    elif value is not None:
        members["payload"] = value
    members["nid"] = message_id
    return msgspec.json.encode(members).decode()


def has_template(alert: str) -> bool:
    """Whether devices are to put their own values into the text."""
    return TEMPLATE_MARK in alert


def _open(payload: str) -> Any:  # noqa: ANN401  any JSON value
    if not payload:
        return None
    value = msgspec.json.decode(payload)
    if not isinstance(value, str):
        return value
    try:
        inner = msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return value
    return inner if isinstance(inner, dict) else value
