"""When a message may be sent, and until when it is of use."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# How far ahead a message may be put: a year, and a day for the year that has one more.
HORIZON = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Not before `start`, and not from `end` on; None is at once, and for as long as it lives."""

    start: datetime | None = None
    end: datetime | None = None


AT_ONCE = Schedule()
