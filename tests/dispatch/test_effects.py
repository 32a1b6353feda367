"""What does each kind of answer do to the device, to the parcel, and to the credential?"""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.circuits import Cause
from services.dispatch.domain.content import AppleOptions, Content
from services.dispatch.domain.credentials import FcmCredential, GatewayKind
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Finding, Outcome
from services.dispatch.domain.parcels import Environment, ParcelState
from services.dispatch.wire import Answer, Forbidden, Request, Unanswered, Unsent, WireError
from tests.dispatch.answers import FCM_ERROR, answer
from tests.dispatch.makers import to_devices
from tests.dispatch.station import OK, apns_key, phones, working
from tests.house.waiting import until
from tests.registry.keys import service_account

SINCE = datetime(2026, 10, 31, 8, 30, tzinfo=UTC)
NO_CIRCUIT = None
DELAYED, PARKED = int(ParcelState.DELAYED), int(ParcelState.PARKED)


@dataclass(frozen=True)
class Effect:
    """An outcome for the device and a word for registry, or a parcel that waits; and a circuit."""

    outcome: tuple[Outcome, str] | None
    finding: Finding | None = None
    waits_as: int | None = None
    circuit: Cause | None = NO_CIRCUIT


def apple(status: int, reason: str, **members: object) -> Answer:
    return answer(status, {"reason": reason, **members})


# One row for each verdict. The phones know their environment: nothing is asked twice.
EFFECTS: dict[str, tuple[Answer | WireError, Effect]] = {
    "Accepted": (OK, Effect((Outcome.SENT, ""))),
    "Dead": (
        apple(410, "Unregistered", timestamp=SINCE.timestamp() * 1000),
        Effect((Outcome.INVALID, "Unregistered"), Finding.DEAD),
    ),
    "Suspect": (
        apple(400, "BadDeviceToken"),
        Effect((Outcome.INVALID, "BadDeviceToken"), Finding.SUSPECT),
    ),
    "Refused": (apple(413, "PayloadTooLarge"), Effect((Outcome.FAILED, "PayloadTooLarge"))),
    "an unknown refusal": (apple(418, "NewIn2031"), Effect((Outcome.FAILED, "NewIn2031"))),
    "Forbidden": (Forbidden("no"), Effect((Outcome.FAILED, "EndpointForbidden"))),
    "Later, this device": (apple(429, "TooManyRequests"), Effect(None, waits_as=DELAYED)),
    "Later, an outage": (apple(503, "ServiceUnavailable"), Effect(None, waits_as=DELAYED)),
    "Later, never sent": (Unsent("curl 7"), Effect(None, waits_as=DELAYED)),
    "Unknown": (Unanswered("curl 56"), Effect(None, waits_as=DELAYED)),
    "Misconfigured": (
        apple(403, "InvalidProviderToken"),
        Effect(None, waits_as=PARKED, circuit=Cause.MISCONFIGURED),
    ),
    "Stale, twice": (
        apple(403, "ExpiredProviderToken"),
        Effect(None, waits_as=PARKED, circuit=Cause.MISCONFIGURED),
    ),
}


@pytest.mark.parametrize("name", EFFECTS)
async def test_each_verdict(dispatch_db: AsyncEngine, name: str) -> None:
    said, effect = EFFECTS[name]
    people = phones(1, environment=Environment.PRODUCTION)
    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, people, lambda _: said, kept) as station:
        message = await station.send(to_devices("phone"))
        if effect.outcome is not None:
            outcomes = await station.ended(message, 1)
        else:
            outcomes = {}
            await until(station.states, lambda states: states == [effect.waits_as])
        reports = await station.reports()
        open_ = await station.open_circuits()

    assert outcomes == ({1: effect.outcome} if effect.outcome else {})
    assert [found for found, _ in reports] == ([effect.finding] if effect.finding else [])
    assert {each: circuit.cause for each, circuit in open_.items()} == (
        {"production": effect.circuit} if effect.circuit else {}
    )
    if effect.finding is Finding.DEAD:
        assert reports[0][1] == SINCE


async def test_a_message_that_prefers_loss_is_not_sent_again_when_nobody_answers(
    dispatch_db: AsyncEngine,
) -> None:
    once = Content(alert="Your code is 4711", prefer_loss=True)
    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(1), lambda _: Unanswered("curl 56"), kept) as station:
        message = await station.send(to_devices("phone"), content=once)
        outcomes = await station.ended(message, 1)

    assert outcomes == {1: (Outcome.FAILED, "Unanswered")}
    assert len(station.wire.asked) == 1


@pytest.mark.parametrize(
    ("second", "outcome", "finding"),
    [
        (OK, (Outcome.SENT, ""), Finding.SANDBOX),
        (apple(400, "BadDeviceToken"), (Outcome.INVALID, "BadDeviceToken"), Finding.SUSPECT),
        (apple(410, "Unregistered"), (Outcome.INVALID, "BadDeviceToken"), Finding.SUSPECT),
        # The key is for one environment alone: there, nobody can ever tell more of the address.
        (
            apple(403, "BadEnvironmentKeyIdInToken"),
            (Outcome.INVALID, "BadDeviceToken"),
            Finding.SUSPECT,
        ),
        # Nothing was learnt about the address: nobody is blamed.
        (Unanswered("curl 56"), (Outcome.INVALID, "BadDeviceToken"), None),
    ],
)
async def test_an_address_that_is_not_known_here_is_asked_for_there_once(
    dispatch_db: AsyncEngine,
    second: Answer | WireError,
    outcome: tuple[Outcome, str],
    finding: Finding | None,
) -> None:
    kept = {GatewayKind.APNS: apns_key()}

    def reply(request: object) -> Answer | WireError:
        here = "https://apns.example" in str(getattr(request, "url", ""))
        return apple(400, "BadDeviceToken") if here else second

    async with working(dispatch_db, phones(1), reply, kept) as station:
        message = await station.send(to_devices("phone"))
        outcomes = await station.ended(message, 1)
        reports = await station.reports()
        open_ = await station.open_circuits()

    assert outcomes == {1: outcome}
    assert [found for found, _ in reports] == ([finding] if finding else [])
    assert len(station.wire.asked) == 2
    assert open_ == {}


async def test_a_message_that_would_not_live_a_quarter_of_an_hour_is_tried_again_before(
    dispatch_db: AsyncEngine,
) -> None:
    """Believed before: one 503 of Apple's ends it, for want of fifteen minutes."""
    soon = Content(alert="Your code is 4711", apple=AppleOptions(time_to_live=300))
    people, kept = phones(1, environment=Environment.PRODUCTION), {GatewayKind.APNS: apns_key()}
    busy = apple(503, "ServiceUnavailable")
    async with working(dispatch_db, people, lambda _: busy, kept) as station:
        message = await station.send(to_devices("phone"), content=soon)
        await until(station.states, lambda states: states == [DELAYED])
        [wait] = await station.waits()
        outcomes = await station.outcomes(message)

    assert outcomes == {}
    assert 100 < wait < 151


async def test_who_is_told_to_wait_an_hour_keeps_nobody_else_waiting(
    dispatch_db: AsyncEngine,
) -> None:
    """Believed before: all who are put off wait for the longest that anybody was told.

    A browser's push service is whoever its client names, and may say what it likes.
    """

    def reply(request: Request) -> Answer:
        seconds = "3600" if request.url.endswith("1") else "5"
        return answer(429, {"reason": "TooManyRequests"}, retry_after=seconds)

    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(3), reply, kept) as station:
        await station.send(to_devices("phones"))
        await until(station.states, lambda states: states == [DELAYED] * 2)
        short, long = sorted(await station.waits())

    assert short < 6
    assert long > 3500


@pytest.mark.parametrize(
    ("first", "outcome", "findings"),
    [
        (OK, Outcome.INVALID, [Finding.DEAD]),
        (answer(400), Outcome.FAILED, []),
    ],
)
async def test_who_calls_an_address_none_is_believed_once_the_payload_has_passed_elsewhere(
    dispatch_db: AsyncEngine, first: Answer, outcome: Outcome, findings: list[Finding]
) -> None:
    """Believed before: no word of FCM's but UNREGISTERED ends an address. Some stayed for ever."""
    error = {
        "message": "The registration token is not a valid FCM registration token",
        "details": [{"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}],
    }

    def reply(request: Request) -> Answer:
        if "oauth2" in request.url:
            return answer(200, {"access_token": "t", "expires_in": 3599})
        return first if f"{1:064x}".encode() in request.body else answer(400, {"error": error})

    people = [each._replace(platform=Platform.ANDROID) for each in phones(2)]
    kept = {GatewayKind.FCM: FcmCredential(1, service_account())}
    async with working(dispatch_db, people, reply, kept) as station:
        message = await station.send(to_devices("phones"))
        outcomes = await station.ended(message, 2)
        reports = await station.reports()

    assert outcomes[2] == (outcome, "INVALID_ARGUMENT")
    assert [found for found, _ in reports] == findings


async def test_a_device_at_home_in_the_other_environment_is_asked_for_there(
    dispatch_db: AsyncEngine,
) -> None:
    people = phones(1, environment=Environment.SANDBOX)
    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, people, lambda _: OK, kept) as station:
        await station.ended(await station.send(to_devices("phone")), 1)

    assert [url.split("/3/")[0] for url in station.wire.asked] == ["https://sandbox.example"]


async def test_a_fleet_in_the_wrong_environment_is_not_asked_for_twice_nor_blamed(
    dispatch_db: AsyncEngine,
) -> None:
    """One wrong switch: ten are asked for there at once, the rest learns nothing by it."""
    kept = {GatewayKind.APNS: apns_key()}
    async with working(
        dispatch_db, phones(300), lambda _: apple(400, "BadDeviceToken"), kept
    ) as station:
        message = await station.send(to_devices("everybody"))
        await station.ended(message, 300)
        held = await until(lambda: station.reports(held=True), bool)
        reports = [*held, *await station.reports()]

    assert 310 <= len(station.wire.asked) <= 330
    assert len(reports) == len(station.wire.asked) - 300
