"""Which ways to a gateway fail by themselves, and which wait while the others go on?"""

import base64
import json
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch import delivery
from services.dispatch.domain.circuits import OTHER, Cause, Key, Opening
from services.dispatch.domain.credentials import Credential, GatewayKind, WebPushCredential
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.parcels import Environment, ParcelState, Recipient
from services.dispatch.gateways.webpush import OTHER_GATES, choose_gate
from services.dispatch.pacing.breaker import ANY_HOST, PUSH_SERVICE, VENDOR, choose_temper
from services.dispatch.store.tables import circuits, parcels
from services.dispatch.switchboard import IDLE_TIME
from services.dispatch.wire import Answer, Request, Unsent, WireError
from tests.dispatch.answers import answer
from tests.dispatch.makers import APP, to_devices, to_platforms
from tests.dispatch.station import OK, apns_key, phones, working
from tests.house.waiting import until

PARKED = int(ParcelState.PARKED)
SENT = (Outcome.SENT, "")
VAPID = WebPushCredential(1, b"\x01" * 32)
GOOGLE, MOZILLA = "https://fcm.googleapis.com", "https://updates.push.services.mozilla.com"
POINT = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)


def browsers(*origins: str, platform: Platform = Platform.WEB_CHROME) -> list[Recipient]:
    """Subscriptions at these push services, with the uids 1, 2, 3 and so on."""
    keys = {
        "userPublicKey": base64.b64encode(POINT).decode(),
        "userAuth": base64.b64encode(b"a" * 16).decode(),
    }
    return [
        Recipient(uid, platform, json.dumps({"endpoint": f"{origin}/send/{uid}"} | keys))
        for uid, origin in enumerate(origins, 1)
    ]


def sandbox_phones(first: int, count: int) -> list[Recipient]:
    return phones(first + count, environment=Environment.SANDBOX)[first:]


class Moods:
    """Gateways, by how their URLs begin; all others are well."""

    def __init__(self, **moods: Answer | WireError) -> None:
        self.moods = moods

    def __call__(self, request: Request) -> Answer | WireError:
        found = [mood for word, mood in self.moods.items() if word in request.url]
        return found[0] if found else OK


async def test_a_push_service_that_is_away_stops_none_of_another(dispatch_db: AsyncEngine) -> None:
    people = browsers(*[GOOGLE, MOZILLA] * 60)
    moods, kept = Moods(mozilla=Unsent("connect")), {GatewayKind.WEB_CHROME: VAPID}
    async with working(dispatch_db, people, moods, kept) as station:
        message = await station.send(to_platforms(Platform.WEB_CHROME))
        first = await station.ended(message, 60)
        open_ = await until(station.open_circuits, bool)
        second = await station.ended(await station.send(to_platforms(Platform.WEB_CHROME)), 60)
        moods.moods.clear()
        await station.pass_time(circuits, "probe_time")
        await until(station.open_circuits, lambda found: not found)
        await station.wake()

    assert first == second == {each.uid: SENT for each in people if GOOGLE in each.address}
    assert {gate: each.cause for gate, each in open_.items()} == {
        "push.services.mozilla.com": Cause.OUTAGE
    }


async def test_a_push_service_that_is_slow_keeps_none_waiting_for_another(
    dispatch_db: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Believed before: a slot is taken until the last answer. Two slow parcels took both there are.

    Nothing of the slow one's is lost: who found no room there comes again.
    """
    monkeypatch.setattr(delivery, "STAY_SECONDS", 0.1)
    slow = browsers(*[MOZILLA] * 100, platform=Platform.WEB_FIREFOX)
    quick = [each._replace(uid=each.uid + 100) for each in browsers(*[GOOGLE] * 30)]
    kept: dict[GatewayKind, Credential] = {
        GatewayKind.WEB_CHROME: VAPID,
        GatewayKind.WEB_FIREFOX: VAPID,
    }
    async with working(dispatch_db, slow + quick, Moods(), kept) as station:
        station.wire.slow = "mozilla"
        station.wire.gate.clear()
        waiting = [await station.send(to_platforms(Platform.WEB_FIREFOX)) for _ in range(4)]
        message = await station.send(to_platforms(Platform.WEB_CHROME))
        outcomes = await station.ended(message, 30)
        asked = sum("mozilla" in url for url in station.wire.asked)
        station.wire.gate.set()

        async def sent() -> int:
            await station.pass_time(parcels, "due_time")
            await station.wake()
            return sum([len(await station.outcomes(each)) for each in waiting])

        await until(sent, (400).__eq__)

    assert outcomes == {each.uid: SENT for each in quick}
    assert asked < 100


async def test_a_whole_parcel_is_parked_where_a_platform_has_one_way_alone(
    dispatch_db: AsyncEngine,
) -> None:
    """And never where it has several: who must wait is told from who need not."""
    kept = {GatewayKind.APNS: apns_key()}
    people = phones(3) + sandbox_phones(3, 3)
    async with working(dispatch_db, people, Moods(), kept) as station:
        opening = Opening(Cause.OUTAGE, "503")
        for key in (Key(APP, Platform.IOS, "production"), Key(APP, Platform.ANDROID)):
            station.switchboard.open(key, opening)
        await until(station.open_circuits, lambda found: len(found) == 2)
        android = await station.send(to_platforms(Platform.ANDROID))
        await until(station.states, [PARKED].__eq__)
        message = await station.send(to_platforms(Platform.IOS))
        outcomes = await station.ended(message, 3)
        await until(station.states, [PARKED, PARKED].__eq__)

        assert outcomes == dict.fromkeys((4, 5, 6), SENT)
        assert await station.outcomes(android) == {}


@pytest.mark.parametrize(
    ("sick", "shut", "well"), [("sandbox.", "sandbox", (1, 2)), ("apns.", "production", (3, 4))]
)
async def test_apples_environments_stop_only_themselves(
    dispatch_db: AsyncEngine, sick: str, shut: str, well: tuple[int, ...]
) -> None:
    """Believed before: a key for production alone, and one phone of the sandbox, stop all."""
    refused = answer(403, {"reason": "BadEnvironmentKeyIdInToken"})
    kept = {GatewayKind.APNS: apns_key()}
    people = phones(2) + sandbox_phones(2, 2)
    async with working(dispatch_db, people, Moods(**{sick: refused}), kept) as station:
        message = await station.send(to_devices("all"))
        outcomes = await station.ended(message, 2)
        await until(station.states, [PARKED].__eq__)

        assert outcomes == dict.fromkeys(well, SENT)
        assert list(await station.open_circuits()) == [shut]


async def test_safaris_old_way_and_its_new_one_stop_only_themselves(
    dispatch_db: AsyncEngine,
) -> None:
    safari = Platform.WEB_SAFARI
    old = [each._replace(uid=9, platform=safari) for each in phones(1)]
    new = browsers("https://web.push.apple.com", platform=safari)
    kept: dict[GatewayKind, Credential] = {
        GatewayKind.WEB_SAFARI: apns_key(),
        GatewayKind.WEB_CHROME: VAPID,
    }
    refused = answer(403, {"reason": "InvalidProviderToken"})
    async with working(dispatch_db, new + old, Moods(apns=refused), kept) as station:
        message = await station.send(to_devices("both"))
        outcomes = await station.ended(message, 1)
        await until(station.states, [PARKED].__eq__)
        told = await until(lambda: given(station.credentials.states), bool)

        assert outcomes == {1: SENT}
        assert list(await station.open_circuits()) == ["legacy"]
        assert told == [(safari, 1, "InvalidProviderToken")]


async def test_the_settings_say_that_a_key_works_only_once_no_gate_refuses_it(
    dispatch_db: AsyncEngine,
) -> None:
    """Safari's subscriptions borrow Chrome's key: there it is that its owner mends it."""
    kept = {GatewayKind.WEB_CHROME: VAPID}
    async with working(dispatch_db, [], Moods(), kept) as station:
        chrome = Key(APP, Platform.WEB_CHROME, "fcm.googleapis.com")
        safari = Key(APP, Platform.WEB_SAFARI, "push.apple.com")
        for key in (chrome, safari):
            station.switchboard.open(key, Opening(Cause.MISCONFIGURED, "BadJwtToken"))
        await until(station.open_circuits, lambda found: len(found) == 2)
        station.switchboard.close(chrome)
        await until(station.open_circuits, lambda found: len(found) == 1)
        meanwhile = list(station.credentials.states)
        station.switchboard.close(safari)
        said = await until(
            lambda: given(station.credentials.states), lambda said: said[-1][2] is None
        )

    assert {each[2] for each in meanwhile} == {"BadJwtToken"}
    assert {each[0] for each in said} == {Platform.WEB_CHROME}


async def test_a_credential_that_has_moved_to_another_environment_leaves_nobody_behind(
    dispatch_db: AsyncEngine,
) -> None:
    kept = {GatewayKind.APNS: apns_key()}
    refused = answer(403, {"reason": "BadEnvironmentKeyIdInToken"})
    async with working(dispatch_db, phones(5), Moods(apns=refused), kept) as station:
        message = await station.send(to_platforms(Platform.IOS))
        await until(station.states, lambda states: bool(states) and set(states) == {PARKED})
        station.credentials.kept[GatewayKind.APNS] = apns_key(version=2, sandbox=True)
        outcomes = await station.ended(message, 5)
        await until(station.open_circuits, lambda found: not found)

    assert outcomes == dict.fromkeys(range(1, 6), SENT)


async def test_a_circuit_behind_which_nobody_waits_is_forgotten_after_an_hour(
    dispatch_db: AsyncEngine,
) -> None:
    """Else each push service that ever failed would be looked at every second, for ever."""
    kept = {GatewayKind.APNS: apns_key()}
    idle, waited_for = [Key(APP, Platform.IOS, each.value) for each in Environment]
    people = sandbox_phones(0, 1)
    moods = Moods(sandbox=Unsent("connect"))
    async with working(dispatch_db, people, moods, kept) as station:
        for key in (idle, waited_for):
            station.switchboard.open(key, Opening(Cause.OUTAGE, "503"))
        await until(station.open_circuits, lambda found: len(found) == 2)
        await station.send(to_devices("phone"))
        await until(station.states, [PARKED].__eq__)
        async with dispatch_db.begin() as tx:
            past = {"probe_time": sa.func.now() - IDLE_TIME}
            await tx.execute(sa.update(circuits).values(past))
        left = await until(station.open_circuits, lambda found: len(found) == 1)
        await until(station.states, [PARKED].__eq__)

        # It is forgotten on record first, and here when that is read.
        async def is_shut() -> bool:
            return station.switchboard.is_shut(idle)

        await until(is_shut, lambda shut: not shut)

    assert list(left) == [waited_for.gate]


async def test_gates_of_one_quota_share_it(dispatch_db: AsyncEngine) -> None:
    async with working(dispatch_db, [], Moods(), {}, fcm_per_minute=1) as station:
        board = station.switchboard
        keys = [Key(APP, platform) for platform in (Platform.ANDROID, Platform.APPEXT_CHROME)]
        ours = [board.pace(key, "acme-bank 1") for key in keys]
        other = board.pace(Key(APP, Platform.IOS), "other-bank 2")
        waits = [(await pace.enter(1, (True, 0))).wait for pace in (*ours, other)]

        assert waits == [0, pytest.approx(60, abs=1), 0]


@pytest.mark.parametrize(
    ("origin", "gate", "temper"),
    [
        (GOOGLE, "fcm.googleapis.com", PUSH_SERVICE),
        (MOZILLA, "push.services.mozilla.com", PUSH_SERVICE),
        ("https://web.push.apple.com:443", "push.apple.com", PUSH_SERVICE),
        ("https://WNS2-by3p.Notify.Windows.com.", "notify.windows.com", PUSH_SERVICE),
        ("https://fcm.googleapis.com.evil.example", OTHER, ANY_HOST),
        ("https://evil-fcm.googleapis.com@evil.example", OTHER, ANY_HOST),
        ("https://[::1", OTHER, ANY_HOST),
        ("", OTHER, ANY_HOST),
    ],
)
def test_a_push_service_is_known_by_its_host(origin: str, gate: str, temper: object) -> None:
    named = choose_gate(origin)

    assert named.startswith(gate)
    assert choose_temper(Platform.WEB_CHROME, named) is temper
    assert choose_temper(Platform.IOS, "production") is VENDOR


def test_clients_cannot_make_gates_without_end() -> None:
    gates = {choose_gate(f"https://{number}.push.example") for number in range(2000)}

    assert len(gates) == OTHER_GATES
    assert max(map(len, gates)) <= 32


async def given(
    said: Sequence[tuple[Platform, int, str | None]],
) -> list[tuple[Platform, int, str | None]]:
    return list(said)
