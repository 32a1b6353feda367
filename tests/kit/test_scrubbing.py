"""Does anything secret reach a log line, however it is nested or spelled?"""

import errno
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as some
from opentelemetry.sdk.trace import TracerProvider

from services.kit import telemetry

ADDRESS = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
PAYLOAD = '{"nid":"AbC12dEf","account":"DE89 3704"}'
CREDENTIAL = "bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Where log lines go, with logging as a room sets it up; as before at the end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    telemetry.start_logging("registry", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_an_address_a_payload_and_a_credential_are_blanked(output: io.StringIO) -> None:
    structlog.get_logger().info(
        "device.registered", address=ADDRESS, payload=PAYLOAD, authorization=CREDENTIAL, uid=7
    )
    (line,) = lines(output)

    assert line["uid"] == 7
    assert {line["address"], line["payload"], line["authorization"]} == {telemetry.SCRUBBED}
    for secret in (ADDRESS, PAYLOAD, CREDENTIAL):
        assert secret not in output.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "appSecret",
        "client_secret",
        "apns-token",
        "serviceAccount",
        "private_key",
        "privateKey",
        "api_key",
        "userAuth",
        "OPERATOR_KEY",
        "device_address",
    ],
)
def test_a_secret_is_known_in_every_spelling(output: io.StringIO, name: str) -> None:
    structlog.get_logger().info("event", **{name: CREDENTIAL})

    assert CREDENTIAL not in output.getvalue()


@given(path=some.lists(some.sampled_from(["device", "list", "tuple"]), max_size=5))
def test_depth_hides_nothing(path: list[str]) -> None:
    value: Any = {"address": ADDRESS}
    for step in path:
        value = {"device": value} if step == "device" else [value]
    scrubbed = telemetry.scrub(None, "info", {"event": "x", "about": value})

    assert ADDRESS not in json.dumps(scrubbed)


def test_what_a_library_logs_is_json_too_and_names_the_room(output: io.StringIO) -> None:
    logging.getLogger("grpc").warning("something %s", "happened")
    (line,) = lines(output)

    assert line["event"] == "something happened"
    assert line["room"] == "registry"
    assert line["level"] == "warning"


def test_what_cannot_be_written_stops_nobody() -> None:
    """A disk that is full, or a pipe that nobody reads any more."""

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    telemetry.Lines(Full()).info("a line")


def test_a_line_within_a_span_carries_its_trace(output: io.StringIO) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = lines(output)

    assert inside["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert "trace_id" not in outside
