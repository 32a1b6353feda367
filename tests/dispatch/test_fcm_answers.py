"""What does each answer of Google's mean for the device, the message and the credential?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.gateways.fcm import QUOTA_SECONDS, read_answer
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
from tests.dispatch.answers import FCM_ERROR, answer, bodies, fcm_error, google_error, statuses

OUTAGE, THROTTLED = Trouble.OUTAGE, Trouble.THROTTLED
HTML = Answer(404, {"content-type": "text/html"}, b"<!DOCTYPE html><title>404</title>")

# Every row of Firebase's table, by what it asks of us.
LAW: list[tuple[Answer, Verdict]] = [
    (answer(200, {"name": "projects/acme/messages/0:1"}), Accepted()),
    (fcm_error(400, "UNSPECIFIED_ERROR"), Refused("UNSPECIFIED_ERROR")),
    (fcm_error(400, "INVALID_ARGUMENT"), Refused("INVALID_ARGUMENT")),
    (google_error(400, "INVALID_ARGUMENT"), Refused("INVALID_ARGUMENT")),
    (fcm_error(404, "UNREGISTERED", "NOT_FOUND"), Dead("UNREGISTERED", NOON)),
    (google_error(404, "NOT_FOUND"), Misconfigured("NOT_FOUND")),
    (HTML, Misconfigured("404")),
    (fcm_error(403, "SENDER_ID_MISMATCH"), Suspect("SENDER_ID_MISMATCH")),
    (google_error(403, "PERMISSION_DENIED"), Misconfigured("PERMISSION_DENIED")),
    (google_error(401, "UNAUTHENTICATED"), Stale("UNAUTHENTICATED")),
    (answer(401), Stale("401")),
    (fcm_error(401, "THIRD_PARTY_AUTH_ERROR"), Misconfigured("THIRD_PARTY_AUTH_ERROR")),
    (fcm_error(429, "QUOTA_EXCEEDED"), Later("QUOTA_EXCEEDED", QUOTA_SECONDS, THROTTLED)),
    (
        google_error(429, "RESOURCE_EXHAUSTED"),
        Later("RESOURCE_EXHAUSTED", QUOTA_SECONDS, THROTTLED),
    ),
    (fcm_error(429, "QUOTA_EXCEEDED", retry_after="5"), Later("QUOTA_EXCEEDED", 5.0, THROTTLED)),
    (
        fcm_error(429, "QUOTA_EXCEEDED", retry_after="0"),
        Later("QUOTA_EXCEEDED", QUOTA_SECONDS, THROTTLED),
    ),
    (fcm_error(500, "INTERNAL"), Later("INTERNAL", None, OUTAGE)),
    (fcm_error(503, "UNAVAILABLE", retry_after="30"), Later("UNAVAILABLE", 30.0, OUTAGE)),
    (fcm_error(503, "UNAVAILABLE"), Later("UNAVAILABLE", None, OUTAGE)),
    (answer(502), Later("502", None, OUTAGE)),
]


@pytest.mark.parametrize(("given_answer", "verdict"), LAW)
def test_each_row_of_firebases_table(given_answer: Answer, verdict: Verdict) -> None:
    assert read_answer(given_answer, NOON) == verdict


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"status": "UNREGISTERED"}},
        {"error": {"details": [{"@type": "x", "errorCode": "UNREGISTERED"}]}},
        {"error": {"details": [{"errorCode": "UNREGISTERED"}]}},
        {"error": {"details": {"errorCode": "UNREGISTERED"}}},
        {"error": "UNREGISTERED"},
        {"error": {"details": ["UNREGISTERED"]}},
        ["UNREGISTERED"],
    ],
)
def test_unregistered_counts_only_where_fcm_says_it(body: object) -> None:
    assert isinstance(read_answer(answer(404, body), NOON), Misconfigured)


def quota_failure(*subjects: str) -> Answer:
    violations = [{"subject": subject, "description": "d"} for subject in subjects]
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}
    fcm = {"@type": FCM_ERROR, "errorCode": "QUOTA_EXCEEDED"}
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [fcm, failure]}
    return answer(429, {"error": error})


@pytest.mark.parametrize(
    ("subjects", "verdict"),
    [
        (["device:d"], Later("QUOTA_EXCEEDED")),
        (["project:p"], Later("QUOTA_EXCEEDED", QUOTA_SECONDS, THROTTLED)),
        (["device:d", "project:p"], Later("QUOTA_EXCEEDED", QUOTA_SECONDS, THROTTLED)),
        ([], Later("QUOTA_EXCEEDED", QUOTA_SECONDS, THROTTLED)),
    ],
)
def test_a_quota_of_one_device_slows_nobody_else(subjects: list[str], verdict: Later) -> None:
    assert read_answer(quota_failure(*subjects), NOON) == verdict


def invalid_argument(message: str, *fields: str) -> Answer:
    violations = [{"field": each, "description": "d"} for each in fields]
    bad = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
    details = [{"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}, bad]
    error = {"code": 400, "status": "INVALID_ARGUMENT", "message": message, "details": details}
    return answer(400, {"error": error})


NO_TOKEN = "The registration token is not a valid FCM registration token"


@pytest.mark.parametrize(
    ("message", "fields", "blames"),
    [
        (NO_TOKEN, [], True),
        (NO_TOKEN, ["message.token"], True),
        (NO_TOKEN, ["message.token", "message.data"], False),
        (NO_TOKEN, ["message.android.ttl"], False),
        ("Request contains an invalid argument.", ["message.token"], False),
        ("Android message is too big", [], False),
    ],
)
def test_an_invalid_argument_is_the_addresss_fault_only_where_fcm_says_so(
    message: str, fields: list[str], *, blames: bool
) -> None:
    verdict = read_answer(invalid_argument(message, *fields), NOON)

    assert verdict == Refused("INVALID_ARGUMENT", blames_address=blames)


@pytest.mark.parametrize("violations", [5, {"subject": "device:d"}, ["device:d"], [{}], None])
def test_a_quota_failure_of_another_shape_is_everybodys(violations: object) -> None:
    """Believed before: violations are a list. A number there failed the parcel, over and over."""
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}
    said = answer(429, {"error": {"status": "RESOURCE_EXHAUSTED", "details": [failure]}})

    assert read_answer(said, NOON) == Later("RESOURCE_EXHAUSTED", QUOTA_SECONDS, THROTTLED)


@given(statuses, some.sampled_from(["UNREGISTERED", "INVALID_ARGUMENT", "SENDER_ID_MISMATCH", ""]))
def test_only_fcms_own_word_kills_an_address(status: int, code: str) -> None:
    verdict = read_answer(fcm_error(status, code), NOON)

    assert isinstance(verdict, Dead) == (status == 404 and code == "UNREGISTERED")


@given(statuses, bodies)
def test_whatever_comes_back_is_a_verdict(status: int, body: bytes) -> None:
    verdict = read_answer(Answer(status, {}, body), NOON)

    assert isinstance(verdict, Accepted) == (status == 200)


def test_a_code_that_is_no_plain_word_is_not_repeated() -> None:
    assert read_answer(fcm_error(400, "NUL\x00"), NOON) == Refused("400")
