"""How a message looks on each platform: one file for each, pure, from the content alone.

Source: the payload mapping that the client SDKs rely on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Why a message that was taken may still not be for a platform.
NOTHING_TO_SHOW = "NothingToShow"
PAYLOAD_TOO_LARGE = "PayloadTooLarge"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What all recipients of a platform share: the body, or most of it, and headers."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def said(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members about which something was said; 0 and False say something."""
    return {
        name: value
        for name, value in members.items()
        if value is not None and value not in ("", ())
    }
