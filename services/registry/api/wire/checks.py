"""Checks of single fields. Each names the field and the limit that was passed."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.faults import FieldInvalid

T = TypeVar("T")

GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_NAME = 254
MAX_NAMES = 1000


def text(field: str, value: str, low: int, high: int) -> str:
    """A text of `low` to `high` characters, without NUL: PostgreSQL has no place for one."""
    if not low <= len(value) <= high:
        raise FieldInvalid(field, f"must be {_between(low, high)} characters, not {len(value)}")
    return _without_nul(field, value)


def text_in_bytes(field: str, value: str, low: int, high: int) -> str:
    """A text of `low` to `high` bytes in UTF-8, without NUL."""
    size = len(value.encode())
    if not low <= size <= high:
        raise FieldInvalid(field, f"must be {_between(low, high)} bytes, not {size}")
    return _without_nul(field, value)


def _between(low: int, high: int) -> str:
    return f"{low} to {high}" if low else f"at most {high}"


def _without_nul(field: str, value: str) -> str:
    if "\x00" in value:
        raise FieldInvalid(field, "must not hold a NUL")
    return value


def name(field: str, value: str) -> str:
    return text(field, value, 1, MAX_NAME)


def names(field: str, values: Collection[str]) -> tuple[str, ...]:
    """1 to 1000 names; duplicates count once."""
    count(field, len(values), 1, MAX_NAMES)
    return tuple(dict.fromkeys(name(field, value) for value in values))


def guid(field: str, value: str) -> UUID:
    if not GUID.fullmatch(value):
        raise FieldInvalid(field, "must be a GUID such as 0f8fad5b-d9cb-469f-a165-70867728950e")
    return UUID(value)


def count(field: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise FieldInvalid(field, f"must hold {low} to {high} entries, not {value}")
    return value


def number(field: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise FieldInvalid(field, f"must be {low} to {high}, not {value}")
    return value


def uid(field: str, value: int) -> int:
    if value <= 0:
        raise FieldInvalid(field, f"must be above 0, not {value}")
    return value


def member(field: str, value: int, table: Mapping[int, T]) -> T:
    """The enum member behind a number of the wire."""
    if value not in table:
        raise FieldInvalid(field, f"must be one of the named values, not {value}")
    return table[value]


def mask(field: str, paths: Iterable[str], known: Collection[str]) -> frozenset[str]:
    """The paths of an update mask: at least one, and only of those that may change."""
    named = frozenset(paths)
    if not named or not named <= set(known):
        raise FieldInvalid(field, f"must name at least one of {', '.join(known)}, and nothing else")
    return named


def moment(field: str, value: Timestamp) -> datetime:
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise FieldInvalid(field, "must be a time between the years 1 and 9999") from None


def timestamp(value: datetime) -> Timestamp:
    since = value - EPOCH
    seconds = since // timedelta(seconds=1)
    return Timestamp(seconds=seconds, nanos=since.microseconds * 1000)
