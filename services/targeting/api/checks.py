"""What every text, number and list from outside must be; each refusal names its field and limit."""

import re
from collections.abc import Iterable, Sized
from uuid import UUID

from services.kit.faults import FieldInvalid

MAX_NAME = 254
MAX_NAMES = 1000
GUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def app_id(value: str) -> UUID:
    if not value:
        raise FieldInvalid("app_id", "is required")
    if not GUID.fullmatch(value):
        raise FieldInvalid("app_id", "must be a GUID")
    return UUID(value)


def text(field: str, value: str, *, low: int = 1, high: int = MAX_NAME) -> str:
    """`value`, if it has `low` to `high` characters and no NUL, which PostgreSQL cannot hold."""
    if not value and low:
        raise FieldInvalid(field, "is required")
    if not low <= len(value) <= high:
        raise FieldInvalid(field, f"must be {low} to {high} characters, not {len(value)}")
    if "\0" in value:
        raise FieldInvalid(field, "must not hold a NUL character")
    return value


def size(field: str, values: Sized, high: int) -> None:
    if not 1 <= len(values) <= high:
        raise FieldInvalid(field, f"must hold 1 to {high} entries, not {len(values)}")


def names(field: str, values: Iterable[str]) -> tuple[str, ...]:
    """1 to 1000 names, each of them once, in the order of their first appearance."""
    listed = list(values)
    size(field, listed, MAX_NAMES)
    for place, value in enumerate(listed):
        text(f"{field}[{place}]", value)
    return tuple(dict.fromkeys(listed))
