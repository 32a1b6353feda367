"""Timestamps as the REST API writes them."""

from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp


def write_time(moment: Timestamp) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-11-02T12:00:00.000Z`."""
    text = moment.ToDatetime(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
