"""Topics that devices subscribe to."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

# The subscription to broadcasts that every device begins with: it is no row of ours, what is kept
# is who has left it.
PUSH_ALL = "Push.ALL"


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    description: str
    create_time: datetime
    update_time: datetime
    # None where nobody asked for it.
    subscription_count: int | None = None


class TextField(Enum):
    """The fields of a tag that can be searched."""

    NAME = "name"
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class TextMatcher:
    """One of the values must be the field, or stand in it."""

    field: TextField
    values: tuple[str, ...]
    contains: bool
