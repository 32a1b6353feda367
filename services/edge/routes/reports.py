"""What reports over days have in common."""

import re

from services.edge import problems
from services.edge.door import Call

DEFAULT_DAYS = 30
MAX_DAYS = 366
DAYS = re.compile("[0-9]{1,3}", re.ASCII)


def read_days(call: Call) -> int:
    """So many days the report looks back, today included.

    Raises:
        Problem: 400 naming `days` and its limits.
    """
    text = call.query("days") or str(DEFAULT_DAYS)
    if not DAYS.fullmatch(text) or not 1 <= int(text) <= MAX_DAYS:
        raise problems.invalid("days", f"must be a whole number from 1 to {MAX_DAYS}, not '{text}'")
    return int(text)
