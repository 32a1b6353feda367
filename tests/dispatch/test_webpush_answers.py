"""What does each answer of a push service mean for the subscription, the message and the key?"""

import pytest
from hypothesis import given

from services.dispatch.gateways.verdicts import (
    Accepted,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Suspect,
    Trouble,
    Verdict,
)
from services.dispatch.gateways.webpush import read_answer
from services.dispatch.wire import Answer
from tests.conftest import NOON
from tests.dispatch.answers import answer, bodies, statuses

OUTAGE = Trouble.OUTAGE


def mozilla(status: int, errno: int, **headers: str) -> Answer:
    return answer(status, {"code": status, "errno": errno, "error": "x"}, **headers)


def apple(status: int, reason: str) -> Answer:
    return answer(status, {"reason": reason})


# Every row of the table for RFC 8030, Mozilla and Apple, by what it asks of us.
LAW: list[tuple[Answer, Verdict]] = [
    (answer(201), Accepted()),
    (answer(200), Accepted()),
    (answer(202), Accepted()),
    *((answer(status), Refused(str(status))) for status in (301, 302, 307, 308)),
    (answer(400), Refused("400")),
    *(
        (mozilla(400, errno), Refused(f"400 errno {errno}"))
        for errno in (101, 108, 110, 111, 112, 113)
    ),
    *(
        (apple(400, reason), Refused(reason))
        for reason in ("BadTtl", "BadUrgency", "BadWebPushRequest", "BadWebPushTopic")
    ),
    (answer(401), Misconfigured("401")),
    (answer(403), Misconfigured("403")),
    (mozilla(401, 109), Misconfigured("401 errno 109")),
    *(
        (apple(status, reason), Misconfigured(reason))
        for status in (400, 403)
        for reason in ("BadJwtToken", "BadAuthorizationHeader", "BadVapidPublicKey")
    ),
    *(
        (apple(status, "VapidPkHashMismatch"), Suspect("VapidPkHashMismatch"))
        for status in (400, 403)
    ),
    (answer(404), Dead("404", NOON)),
    (mozilla(404, 102), Dead("404 errno 102", NOON)),
    (apple(404, "BadPath"), Refused("BadPath")),
    (answer(405), Refused("405")),
    (answer(410), Dead("410", NOON)),
    *((mozilla(410, errno), Dead(f"410 errno {errno}", NOON)) for errno in (103, 105, 106)),
    (apple(410, "Unregistered"), Dead("Unregistered", NOON)),
    (answer(413), Refused("413")),
    (mozilla(413, 104), Refused("413 errno 104")),
    (answer(429), Later("429")),
    (answer(429, retry_after="12"), Later("429", 12.0)),
    (answer(500), Later("500", None, OUTAGE)),
    (mozilla(500, 999), Later("500 errno 999", None, OUTAGE)),
    *((mozilla(502, e), Later(f"502 errno {e}", None, OUTAGE)) for e in (902, 903)),
    # Their bridge is misconfigured: slowly.
    *((mozilla(502, e), Later(f"502 errno {e}", 900.0, OUTAGE, is_firm=False)) for e in (900, 901)),
    (mozilla(503, 201, retry_after="60"), Later("503 errno 201", 60.0, OUTAGE)),
    # At once, unless it says otherwise.
    (mozilla(503, 202), Later("503 errno 202", 0.0, OUTAGE)),
    (mozilla(503, 202, retry_after="9"), Later("503 errno 202", 9.0, OUTAGE)),
    (mozilla(503, 201), Later("503 errno 201", None, OUTAGE)),
    *(
        (apple(status, reason), Later(reason, None, OUTAGE))
        for status, reason in (
            (500, "InternalServerError"),
            (503, "ServiceUnavailable"),
            (503, "Shutdown"),
            (400, "IdleTimeout"),
        )
    ),
]


@pytest.mark.parametrize(("given_answer", "verdict"), LAW)
def test_each_row_of_the_table(given_answer: Answer, verdict: Verdict) -> None:
    assert read_answer(given_answer, NOON) == verdict


APPLE, MICROSOFT = "https://web.push.apple.com/x", "https://wns2-db.notify.windows.com/x"


@pytest.mark.parametrize(
    ("url", "given_answer", "verdict"),
    [
        # Apple says 410 of a subscription that is gone, and 404 of a path that is none.
        (APPLE, answer(404), Refused("404")),
        (APPLE, apple(404, "BadPath"), Refused("BadPath")),
        (APPLE, answer(410), Dead("410", NOON)),
        ("https://web.push.apple.com.evil.example/x", answer(404), Dead("404", NOON)),
        # Microsoft throttles by 406.
        (MICROSOFT, answer(406, retry_after="30"), Later("406", 30.0)),
        (APPLE, answer(406), Refused("406")),
        (MICROSOFT, answer(404), Dead("404", NOON)),
    ],
)
def test_what_is_meant_depends_on_who_says_it(
    url: str, given_answer: Answer, verdict: Verdict
) -> None:
    """Believed before: a bare 404 means that the subscription is gone, at Apple's too."""
    assert read_answer(given_answer, NOON, url) == verdict


@given(statuses)
def test_only_404_and_410_end_a_subscription(status: int) -> None:
    assert isinstance(read_answer(answer(status), NOON), Dead) == (status in {404, 410})


@given(statuses, bodies)
def test_whatever_comes_back_is_a_verdict(status: int, body: bytes) -> None:
    verdict = read_answer(Answer(status, {}, body), NOON)

    assert isinstance(verdict, Accepted) == (200 <= status < 300)


@pytest.mark.parametrize(
    "body",
    [
        b'{"reason": "a\\u0000b"}',
        b'{"reason": "<script>"}',
        b'{"reason": ""}',
        b'{"reason": "' + b"x" * 65 + b'"}',
        b'{"reason": 7}',
        b'{"errno": 1' + b"0" * 80 + b"}",
        b'{"reason": "\xff"}',
        b"[" * 60_000,
    ],
)
def test_a_hostile_push_service_has_no_word(body: bytes) -> None:
    """Believed before: 64 characters of anything may be stored as the reason."""
    assert read_answer(Answer(400, {}, body), NOON) == Refused("400")
