"""What does each answer of Apple's mean for the device, the message and the credential?"""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from services.dispatch.gateways.apns import DEAD, read_answer
from services.dispatch.gateways.verdicts import (
    Accepted,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Stale,
    Suspect,
    Trouble,
    Verdict,
)
from services.dispatch.wire import Answer
from tests.conftest import NOON
from tests.dispatch.answers import answer, bodies, statuses

SINCE = datetime(2026, 10, 31, 8, 30, tzinfo=UTC)
SINCE_MS = 1_793_435_400_000
QUARTER = 900.0
OUTAGE, THROTTLED = Trouble.OUTAGE, Trouble.THROTTLED

# Every row of Apple's table, by what it asks of us. A bug of ours costs the one message.
LAW: list[tuple[int, str, type[Verdict]]] = [
    (400, "BadCollapseId", Refused),
    (400, "BadDeviceToken", Suspect),
    (400, "BadExpirationDate", Refused),
    (400, "BadMessageId", Refused),
    (400, "BadPriority", Refused),
    (400, "BadTopic", Misconfigured),
    (400, "DeviceTokenNotForTopic", Suspect),
    (400, "DuplicateHeaders", Refused),
    (400, "IdleTimeout", Later),
    (400, "InvalidPushType", Refused),
    (400, "MissingDeviceToken", Refused),
    (400, "MissingTopic", Misconfigured),
    (400, "PayloadEmpty", Refused),
    (400, "TopicDisallowed", Misconfigured),
    (403, "BadCertificate", Misconfigured),
    (403, "BadCertificateEnvironment", Misconfigured),
    (403, "ExpiredProviderToken", Stale),
    (403, "Forbidden", Misconfigured),
    (403, "InvalidProviderToken", Misconfigured),
    (403, "MissingProviderToken", Misconfigured),
    (403, "UnrelatedKeyIdInToken", Stale),
    (403, "BadEnvironmentKeyIdInToken", Misconfigured),
    (403, "BadEnvironmentKeyInToken", Misconfigured),
    (404, "BadPath", Refused),
    (405, "MethodNotAllowed", Refused),
    (410, "ExpiredToken", Dead),
    (410, "Unregistered", Dead),
    (413, "PayloadTooLarge", Refused),
    (429, "TooManyProviderTokenUpdates", Later),
    (429, "TooManyRequests", Later),
    (500, "InternalServerError", Later),
    (503, "ServiceUnavailable", Later),
    (503, "Shutdown", Later),
]


@pytest.mark.parametrize(("status", "reason", "meaning"), LAW)
def test_each_row_of_apples_table(status: int, reason: str, meaning: type[Verdict]) -> None:
    verdict = read_answer(answer(status, {"reason": reason, "timestamp": SINCE_MS}), NOON)

    assert type(verdict) is meaning
    assert not isinstance(verdict, Accepted)
    assert verdict.reason == reason


# Whom a delay is about: who else is slowed by it, or kept away.
DELAYS = [
    (429, "TooManyRequests", Later("TooManyRequests", None, Trouble.DEVICE)),
    (429, "TooManyProviderTokenUpdates", Later("TooManyProviderTokenUpdates", None, THROTTLED)),
    (400, "IdleTimeout", Later("IdleTimeout", None, OUTAGE)),
    (503, "Shutdown", Later("Shutdown", None, OUTAGE)),
    (503, "ServiceUnavailable", Later("ServiceUnavailable", QUARTER, OUTAGE, is_firm=False)),
    (503, "Service Unavailable", Later("Service Unavailable", QUARTER, OUTAGE, is_firm=False)),
    (500, "InternalServerError", Later("InternalServerError", QUARTER, OUTAGE, is_firm=False)),
]


@pytest.mark.parametrize(("status", "reason", "verdict"), DELAYS)
def test_a_delay_says_whom_it_is_about(status: int, reason: str, verdict: Later) -> None:
    assert read_answer(answer(status, {"reason": reason}), NOON) == verdict


def test_200_is_acceptance() -> None:
    assert read_answer(answer(200), NOON) == Accepted()


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 413, 418, 451])
def test_an_unknown_refusal_costs_the_message_and_never_the_address(status: int) -> None:
    assert read_answer(answer(status, {"reason": "NewIn2031"}), NOON) == Refused("NewIn2031")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_an_unknown_failure_of_apples_waits_a_quarter_of_an_hour(status: int) -> None:
    later = Later(str(status), QUARTER, OUTAGE, is_firm=False)

    assert read_answer(answer(status), NOON) == later


def test_apple_says_when_to_come_again() -> None:
    for status in (429, 500, 503):
        later = read_answer(answer(status, {"reason": "Busy"}, retry_after="7"), NOON)
        trouble = Trouble.DEVICE if status == 429 else Trouble.OUTAGE

        assert later == Later("Busy", 7.0, trouble)


def test_a_device_that_is_hit_too_often_waits_as_long_as_we_see_fit() -> None:
    throttled = answer(429, {"reason": "TooManyRequests"})

    assert read_answer(throttled, NOON) == Later("TooManyRequests", None)


def test_a_dead_address_is_dead_since_apple_says_so() -> None:
    gone = answer(410, {"reason": "Unregistered", "timestamp": SINCE_MS})

    assert read_answer(gone, NOON) == Dead("Unregistered", SINCE)


@pytest.mark.parametrize("timestamp", [None, "soon", [], 10**30, True, float("inf")])
def test_without_a_time_it_is_dead_since_we_asked(timestamp: object) -> None:
    gone = answer(410, {"reason": "ExpiredToken", "timestamp": timestamp})

    assert read_answer(gone, NOON) == Dead("ExpiredToken", NOON)


@given(statuses, some.text(max_size=20) | some.sampled_from(sorted(DEAD)))
def test_only_apples_own_word_kills_an_address(status: int, reason: str) -> None:
    verdict = read_answer(answer(status, {"reason": reason, "timestamp": SINCE_MS}), NOON)

    assert isinstance(verdict, Dead) == (status == 410 and reason in DEAD)


@given(statuses, bodies, some.text(max_size=12))
def test_whatever_comes_back_is_a_verdict(status: int, body: bytes, retry_after: str) -> None:
    verdict = read_answer(Answer(status, {"retry-after": retry_after}, body), NOON)

    assert isinstance(verdict, Accepted) == (status == 200)


@given(some.text())
def test_a_reason_that_is_no_plain_word_is_not_repeated(reason: str) -> None:
    """Believed before: what a gateway says can be stored. PostgreSQL refuses a NUL."""
    assume(not reason.replace("-", "").replace(".", "").isalnum())
    verdict = read_answer(answer(400, {"reason": f"\x00{reason}"}), NOON)

    assert verdict == Refused("400")
