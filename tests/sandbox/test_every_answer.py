"""Can each answer of the vendors' tables be asked for, and does our sender read it as meant?"""

from datetime import UTC, datetime

import pytest

from services.dispatch.gateways import apns, fcm, webpush
from services.dispatch.gateways.verdicts import (
    Accepted,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Stale,
    Suspect,
    Verdict,
)
from services.dispatch.wire import Answer
from services.sandbox.asked import BehaviourAsked
from services.sandbox.behaviours import Behaviour
from services.sandbox.exchange import Request, Response
from services.sandbox.gateways import apns as sandbox_apns
from services.sandbox.gateways import fcm as sandbox_fcm
from services.sandbox.gateways import webpush as sandbox_webpush
from services.sandbox.gateways.contract import Gateway, find_fault
from tests.dispatch.test_apns_answers import LAW as APPLES_LAW

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
APPLE = sandbox_apns.ApnsGateway(bundle_id="com.acme.bank", key_id="K", team_id="T", point=b"")
GOOGLE = sandbox_fcm.FcmGateway(sandbox_fcm.Project("acme", "1"), lambda _token, _now: True)


class NoSubscriptions:
    def find(self, identifier: str) -> None:
        """There is none."""


MOZILLA = sandbox_webpush.WebpushGateway(NoSubscriptions())


def say(gateway: Gateway, status: int, reason: str) -> Answer:
    asked = BehaviourAsked(Behaviour.ERROR, gateway=gateway.name, status=status, reason=reason)
    asked.check()
    refused = find_fault(gateway.faults, asked.instruction(), NOON)
    assert refused is not None
    said: Response = gateway.refuse(Request("POST", "/", "localhost", {}, b""), refused)
    return Answer(said.status, dict(said.headers), said.body)


@pytest.mark.parametrize(("status", "reason", "meaning"), APPLES_LAW)
def test_each_row_of_apples(status: int, reason: str, meaning: type[Verdict]) -> None:
    verdict = apns.read_answer(say(APPLE, status, reason), NOON)

    assert type(verdict) is meaning
    assert not isinstance(verdict, Accepted)
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("status", "reason", "meaning"),
    [
        (400, "UNSPECIFIED_ERROR", Refused),
        (400, "INVALID_ARGUMENT", Refused),
        (404, "UNREGISTERED", Dead),
        (404, "NOT_FOUND", Misconfigured),
        (403, "SENDER_ID_MISMATCH", Suspect),
        (403, "PERMISSION_DENIED", Misconfigured),
        (401, "UNAUTHENTICATED", Stale),
        (401, "THIRD_PARTY_AUTH_ERROR", Misconfigured),
        (429, "QUOTA_EXCEEDED", Later),
        (500, "INTERNAL", Later),
        (503, "UNAVAILABLE", Later),
    ],
)
def test_each_row_of_googles(status: int, reason: str, meaning: type[Verdict]) -> None:
    assert type(fcm.read_answer(say(GOOGLE, status, reason), NOON)) is meaning


@pytest.mark.parametrize(
    ("status", "reason", "meaning"),
    [
        *((400, errno, Refused) for errno in ("101", "108", "110", "111", "112", "113")),
        *((400, word, Refused) for word in ("BadTtl", "BadUrgency", "BadWebPushTopic")),
        (401, "109", Misconfigured),
        *((403, word, Misconfigured) for word in ("BadJwtToken", "BadVapidPublicKey")),
        (403, "VapidPkHashMismatch", Suspect),
        (404, "102", Dead),
        (404, "BadPath", Refused),
        *((410, errno, Dead) for errno in ("103", "105", "106")),
        (410, "Unregistered", Dead),
        (413, "104", Refused),
        *((502, errno, Later) for errno in ("900", "901", "902", "903")),
        *((503, errno, Later) for errno in ("201", "202")),
        (500, "InternalServerError", Later),
        (400, "IdleTimeout", Later),
    ],
)
def test_each_row_of_the_browsers(status: int, reason: str, meaning: type[Verdict]) -> None:
    answer = say(MOZILLA, status, reason)
    verdict = webpush.read_answer(answer, NOON)

    assert type(verdict) is meaning
    assert not isinstance(verdict, Accepted)
    assert verdict.reason in {reason, f"{status} errno {reason}"}
