"""How long does a Retry-After make us wait?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.gateways.verdicts import MAX_RETRY_SECONDS, read_retry_after
from tests.conftest import NOON


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("3600", 3600.0),
        ("99999999999999999999", MAX_RETRY_SECONDS),
        ("9" * 400, MAX_RETRY_SECONDS),
        ("Mon, 02 Nov 2026 12:01:30 GMT", 90.0),
        ("Mon, 02 Nov 2026 13:01:30 +0100", 90.0),
        ("Mon, 02 Nov 2026 12:01:30 -0000", 90.0),
        ("Mon, 02 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 03 Nov 2026 12:00:00 GMT", MAX_RETRY_SECONDS),
        ("Monday, 02-Nov-26 12:00:10 GMT", 10.0),
    ],
)
def test_both_forms_are_read(text: str, seconds: float) -> None:
    assert read_retry_after({"retry-after": text}, NOON) == seconds


@pytest.mark.parametrize("text", ["", " ", "soon", "-5", "1.5", "٣", "Mon, 32 Nov 2026 12:00 GMT"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(text: str) -> None:
    assert read_retry_after({"retry-after": text}, NOON) is None


def test_no_header_no_wait() -> None:
    assert read_retry_after({}, NOON) is None


@given(some.text())
def test_no_text_makes_us_wait_for_ever(text: str) -> None:
    seconds = read_retry_after({"retry-after": text}, NOON)

    assert seconds is None or 0 <= seconds <= MAX_RETRY_SECONDS
