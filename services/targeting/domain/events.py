"""What happens to subscriptions, for the rooms that watch."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple
from uuid import UUID


class Position(NamedTuple):
    """Where an event stands in the feed: its transaction, then its number."""

    transaction: int
    number: int


START = Position(0, 0)


class EventKind(Enum):
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class SubscriptionEvent:
    """What happened to a subscription of a watched application.

    Attributes:
        tag_id: NO_TAG for broadcasts.
        tag_name: As it was then.
    """

    position: Position
    app_id: UUID
    kind: EventKind
    uid: int
    tag_id: int
    tag_name: str
    time: datetime
