"""Timestamps as the REST API writes and reads them."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from services.edge import problems

MAX_REMEMBERED = 4096
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHAPE = "must be a time in ISO 8601 with its zone, or milliseconds since 1970"


def write_time(moment: Timestamp) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-11-02T12:00:00.000Z`."""
    return f"{_write_second(moment.seconds)}.{moment.nanos // 1_000_000:03d}Z"


@lru_cache(MAX_REMEMBERED)
def _write_second(seconds: int) -> str:
    """What is listed together was mostly made together."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def read_time(value: str | float, field: str) -> Timestamp:
    """Raises Problem 400 naming the field: a time without its zone means another one elsewhere."""
    read = Timestamp()
    try:
        read.FromDatetime(_read_moment(value))
    except (ValueError, OverflowError):
        raise problems.invalid(field, SHAPE) from None
    return read


def _read_moment(value: str | float) -> datetime:
    if isinstance(value, str) and not value.isascii():
        raise ValueError
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    return EPOCH + timedelta(milliseconds=int(value))
