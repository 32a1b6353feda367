"""What becomes of messages while a gateway or a credential cannot be used, and afterwards?"""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.circuits import Cause, Key, Opening
from services.dispatch.domain.credentials import GatewayKind
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Finding, Outcome
from services.dispatch.domain.parcels import ParcelState
from services.dispatch.store.tables import circuits, parcels
from services.dispatch.wire import Answer, Request, Unsent, WireError
from tests.dispatch.answers import answer
from tests.dispatch.makers import APP, to_devices, to_platforms
from tests.dispatch.station import OK, apns_key, now, phones, working
from tests.house.waiting import until

PARKED = int(ParcelState.PARKED)
REFUSED = answer(403, {"reason": "InvalidProviderToken"})
SENT = (Outcome.SENT, "")


class Apple:
    """A gateway whose mood a test changes."""

    def __init__(self, mood: Answer | WireError = OK) -> None:
        self.mood = mood

    def __call__(self, _: Request) -> Answer | WireError:
        return self.mood


async def test_a_wrong_key_costs_one_request_and_the_right_one_is_tried_at_once(
    dispatch_db: AsyncEngine,
) -> None:
    apple, kept = Apple(REFUSED), {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(400), apple, kept) as station:
        message = await station.send(to_platforms(Platform.IOS))
        await until(station.open_circuits, bool)
        await until(station.states, lambda states: set(states) == {PARKED})
        asked = len(station.wire.asked)
        during = await station.outcomes(message)
        apple.mood = OK
        station.credentials.renew(GatewayKind.APNS)
        after = await station.ended(message, 400)
        await until(station.open_circuits, lambda found: not found)

    assert station.credentials.states == [
        (Platform.IOS, 1, "InvalidProviderToken"),
        (Platform.IOS, 2, None),
    ]
    assert during == {}
    # Those under way when the first answer came, and no more.
    assert asked <= 40
    assert after == dict.fromkeys(range(1, 401), SENT)


async def test_what_is_sent_while_it_is_open_waits_without_being_asked_for(
    dispatch_db: AsyncEngine,
) -> None:
    apple, kept = Apple(REFUSED), {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(1), apple, kept) as station:
        await station.send(to_devices("phone"))
        await until(station.states, lambda states: states == [PARKED])
        asked = len(station.wire.asked)
        small = await station.send(to_devices("phone"))
        large = await station.send(to_platforms(Platform.IOS))
        await until(station.states, lambda states: states == [PARKED] * 3)
        still = len(station.wire.asked)
        apple.mood = OK
        await station.pass_time(circuits, "probe_time")
        outcomes = [await station.ended(each, 1) for each in (small, large)]

    assert asked == still
    assert outcomes == [{1: SENT}, {1: SENT}]


async def test_a_probe_that_fails_leaves_it_open_longer_and_costs_one_request(
    dispatch_db: AsyncEngine,
) -> None:
    apple, kept = Apple(REFUSED), {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(50), apple, kept) as station:
        await station.send(to_platforms(Platform.IOS))
        await until(station.states, lambda states: set(states) == {PARKED})
        asked = len(station.wire.asked)
        await station.pass_time(circuits, "probe_time")
        await until(
            station.open_circuits,
            lambda found: [each.failures for each in found.values()] == [2],
        )
        await until(station.states, lambda states: set(states) == {PARKED})
        [circuit] = (await station.open_circuits()).values()

    assert len(station.wire.asked) == asked + 1
    assert circuit.probe_time > now() + timedelta(seconds=10)


async def test_a_gateway_that_is_away_costs_nothing_but_time(dispatch_db: AsyncEngine) -> None:
    apple, kept = Apple(Unsent("curl 7")), {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(300), apple, kept) as station:
        message = await station.send(to_platforms(Platform.IOS))
        found = await until(station.open_circuits, bool)
        await until(station.states, lambda states: 2 not in states)
        asked = len(station.wire.asked)
        apple.mood = OK
        await station.pass_time(parcels, "due_time")
        await station.wake()
        await until(station.states, lambda states: set(states) == {PARKED})
        await station.pass_time(circuits, "probe_time")
        outcomes = await station.ended(message, 300)

    assert found["production"].cause is Cause.OUTAGE
    assert asked < 100
    assert outcomes == dict.fromkeys(range(1, 301), SENT)


async def test_only_its_own_parcels_wait(dispatch_db: AsyncEngine) -> None:
    """A Web Push browser rings while Apple refuses the key: both stand in one small target."""
    apple, kept = Apple(REFUSED), {GatewayKind.APNS: apns_key()}
    stranger = phones(2)[1]._replace(platform=Platform.ANDROID)
    people = [phones(1)[0], stranger]
    async with working(dispatch_db, people, apple, kept) as station:
        message = await station.send(to_devices("both"))
        outcomes = await station.ended(message, 1)
        await until(station.states, lambda states: states == [PARKED])

    # The other platform is done with: it is not configured.
    assert outcomes == {2: (Outcome.FAILED, "GatewayNotConfigured")}


async def test_what_waits_longer_than_our_patience_expires(dispatch_db: AsyncEngine) -> None:
    apple, kept = Apple(REFUSED), {GatewayKind.APNS: apns_key()}
    patience = timedelta(hours=1)
    async with working(dispatch_db, phones(2), apple, kept, patience=patience) as station:
        await station.send(to_devices("phone"))
        await until(station.states, lambda states: states == [PARKED])
        asked = len(station.wire.asked)
        old = await station.send(
            to_platforms(Platform.IOS), create_time=now() - timedelta(minutes=61)
        )
        outcomes = await station.ended(old, 2)

    assert outcomes == dict.fromkeys((1, 2), (Outcome.EXPIRED, ""))
    assert len(station.wire.asked) == asked


async def test_a_credential_that_is_taken_away_stops_nobody(dispatch_db: AsyncEngine) -> None:
    apple, kept = Apple(REFUSED), {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(1), apple, kept) as station:
        message = await station.send(to_devices("phone"))
        await until(station.states, lambda states: states == [PARKED])
        station.credentials.kept.clear()
        outcomes = await station.ended(message, 1)

    assert outcomes == {1: (Outcome.FAILED, "GatewayNotConfigured")}


async def test_twins_are_sent_to_once(dispatch_db: AsyncEngine) -> None:
    """1 and 2 share an address, and 2 vouched for it last; 3's twin is not meant; 4's has left."""
    people = phones(4)
    people[0] = people[0]._replace(newer_twin_uid=2, address=people[1].address)
    people[2] = people[2]._replace(newer_twin_uid=99)
    people[3] = people[3]._replace(newer_twin_uid=2)
    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, people, Apple(), kept) as station:
        outcomes = await station.ended(await station.send(to_platforms(Platform.IOS)), 4)

    assert outcomes == {1: (Outcome.DUPLICATE, ""), 2: SENT, 3: SENT, 4: SENT}


async def test_a_fleet_of_dead_addresses_blows_the_fuse_and_its_reports_are_held(
    dispatch_db: AsyncEngine,
) -> None:
    gone = answer(410, {"reason": "Unregistered", "timestamp": 0})
    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(500), Apple(gone), kept) as station:
        message = await station.send(to_platforms(Platform.IOS))
        await station.ended(message, 500)
        held = await until(lambda: station.reports(held=True), lambda found: len(found) == 500)
        free = await station.reports()

    assert {found for found, _ in held} == {Finding.DEAD}
    assert free == []


async def test_a_few_dead_addresses_do_not(dispatch_db: AsyncEngine) -> None:
    gone = answer(410, {"reason": "Unregistered", "timestamp": 0})

    def reply(request: Request) -> Answer:
        return gone if request.url.endswith("0") else OK

    kept = {GatewayKind.APNS: apns_key()}
    async with working(dispatch_db, phones(480), reply, kept) as station:
        message = await station.send(to_platforms(Platform.IOS))
        await station.ended(message, 480)
        reports = await station.reports()

    assert {found for found, _ in reports} == {Finding.DEAD}
    assert len(reports) == 30


async def test_who_is_first_in_line_and_never_answered_does_not_keep_the_circuit_open(
    dispatch_db: AsyncEngine,
) -> None:
    """Believed before: a probe may ask for the first in line. It was the same one each time."""
    kept = {GatewayKind.APNS: apns_key()}

    def reply(request: Request) -> Answer | WireError:
        return Unsent("curl 7") if request.url.endswith("01") else OK

    async with working(dispatch_db, phones(5), reply, kept) as station:
        station.switchboard.open(
            Key(APP, Platform.IOS, "production"), Opening(Cause.OUTAGE, "curl 7")
        )
        await until(station.open_circuits, bool)
        message = await station.send(to_platforms(Platform.IOS))
        await until(station.states, lambda states: states == [PARKED])

        async def probe() -> dict[int, tuple[Outcome, str]]:
            await station.pass_time(circuits, "probe_time")
            return await station.outcomes(message)

        outcomes = await until(probe, lambda found: len(found) == 4)

    assert outcomes == dict.fromkeys((2, 3, 4, 5), SENT)
