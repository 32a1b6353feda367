"""When is a gateway, or a credential, believed to be gone?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.domain.circuits import Cause, Opening
from services.dispatch.gateways.verdicts import (
    Accepted,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Suspect,
    Trouble,
    Unknown,
    Verdict,
)
from services.dispatch.pacing.breaker import ANY_HOST, VENDOR, Breaker, Temper, blame, is_slow
from tests.conftest import NOON

DOWN = Later("503", None, Trouble.OUTAGE)
SILENT = Unknown("timeout")
WRONG_KEY = Misconfigured("InvalidProviderToken")
FINE: list[Verdict] = [
    Accepted(),
    Dead("410", NOON),
    Suspect("BadDeviceToken"),
    Refused("413"),
    Later("TooManyRequests", 30.0),
]
tempers = pytest.mark.parametrize("temper", [VENDOR, ANY_HOST])


def openings(breaker: Breaker, *verdicts: Verdict) -> list[Opening]:
    return [opening for verdict in verdicts if (opening := breaker.note(verdict))]


@tempers
@given(some.lists(some.sampled_from(FINE), max_size=200))
def test_never_by_what_is_about_one_device_or_one_message(
    temper: Temper, verdicts: list[Verdict]
) -> None:
    assert openings(Breaker(temper), *verdicts) == []
    assert not any(map(blame, verdicts))


@tempers
def test_ten_failures_in_a_row(temper: Temper) -> None:
    assert openings(Breaker(temper), *[DOWN] * 9) == []
    assert openings(Breaker(temper), *[SILENT] * 10) == [Opening(Cause.OUTAGE, "timeout")]


def test_half_of_the_last_twenty_at_a_vendor_and_nine_of_ten_where_anybody_is_the_host() -> None:
    mixed: list[Verdict] = [Accepted(), DOWN] * 30

    assert openings(Breaker(VENDOR), *mixed)
    assert openings(Breaker(ANY_HOST), *mixed) == []


def test_one_refusal_of_the_credential_by_the_vendor_itself() -> None:
    assert openings(Breaker(VENDOR), Accepted(), WRONG_KEY) == [
        Opening(Cause.MISCONFIGURED, "InvalidProviderToken")
    ]


def test_not_one_refusal_by_whoever_a_client_named() -> None:
    """A subscription may point to a host that means harm: it closes nobody's way but its own."""
    breaker = Breaker(ANY_HOST)
    mixed: list[Verdict] = [Accepted(), WRONG_KEY] * 50

    assert openings(breaker, *mixed) == []


@pytest.mark.parametrize(
    ("verdict", "opening"),
    [
        (Later("429", 60.0, Trouble.THROTTLED), Opening(Cause.THROTTLED, "429", 60.0)),
        (Later("429", 1.0, Trouble.THROTTLED), None),
        (Later("429", None, Trouble.THROTTLED), None),
    ],
)
def test_a_throttle_for_as_long_as_it_says_if_that_is_long(
    verdict: Verdict, opening: Opening | None
) -> None:
    assert Breaker(VENDOR).note(verdict) == opening


@tempers
def test_what_was_before_does_not_count_when_it_begins_anew(temper: Temper) -> None:
    breaker = Breaker(temper)
    openings(breaker, *[DOWN] * 9)
    breaker.begin_anew()

    assert openings(breaker, *[DOWN] * 9) == []


@pytest.mark.parametrize(
    ("verdict", "slow"),
    [
        (DOWN, True),
        (SILENT, True),
        (Later("429", 5.0, Trouble.THROTTLED), True),
        (WRONG_KEY, False),
        *((verdict, False) for verdict in FINE),
    ],
)
def test_only_an_overload_or_silence_asks_for_fewer_at_once(
    verdict: Verdict, *, slow: bool
) -> None:
    assert is_slow(verdict) is slow
