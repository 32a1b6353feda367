"""Which requests of a parcel are begun, and when has the last of them ended?"""

import asyncio
import time
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from services.dispatch.domain.circuits import Key
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.parcels import Lane, Parcel, Recipient, Slice
from services.dispatch.gateways.apns import Apns
from services.dispatch.gateways.pool import GatewayPool
from services.dispatch.pacing.breaker import VENDOR
from services.dispatch.pacing.limiter import Limiter
from services.dispatch.pacing.pace import Pace
from services.dispatch.recorder import Recorder
from services.dispatch.sending import Desk, Prepared, Route, Sending
from services.dispatch.settling import Rules, Settling
from services.dispatch.switchboard import Switchboard
from services.dispatch.wire import Answer, Request, Unanswered, Unsent, WireError
from tests.dispatch.answers import answer
from tests.dispatch.makers import APP, a_message, rendered
from tests.dispatch.station import LIMITS, Credentials, People, Script, apns_key, now, phones

COUNT = 20
SENT = (Platform.IOS, Outcome.SENT, "")


class Bench:
    """One parcel's sending, with all places taken, and nothing that writes to a database."""

    def __init__(self, wire: Script) -> None:
        nowhere = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
        credentials = Credentials({})
        pool = GatewayPool(credentials, None, wire, now, time.monotonic)  # type: ignore[arg-type]  # asked for nothing
        recorder = Recorder(nowhere, 250, ring_outbox=lambda: None)
        switchboard = Switchboard(nowhere, pool, credentials, LIMITS, time.monotonic)
        self.recorder = recorder
        desk = Desk(
            *(nowhere, People(()), pool, wire, recorder, switchboard, now, time.monotonic),
            timedelta(hours=1),
        )
        message = a_message(now=now())
        part = Slice(Platform.IOS, 0, COUNT)
        parcel = Parcel(
            *(1, APP, message.message_id, Lane.BULK, part, None, 0, 1), message.create_time, 1
        )
        self.settling = Settling(Rules(timedelta(hours=1), now), recorder, parcel, message)
        self.sending = Sending(desk, Prepared(message), self.settling)
        self.route = self._open_route(message)

    def _open_route(self, message: Message) -> Route:
        gateway = Apns(apns_key(), "https://apns.example", now)
        pace = Pace(VENDOR, Limiter(250, 250), None, time.monotonic)
        looks = rendered(gateway, message)
        return Route(Key(APP, Platform.IOS, "production"), gateway, looks, pace)

    async def take_places(self, count: int) -> None:
        await self.route.pace.enter(count, (True, 0))
        await self.recorder.reserve(count, (True, 0))

    @property
    def put_off(self) -> list[int]:
        later = self.settling.later_parcels()
        return sorted(uid for parcel in later for uid in parcel.uids or ())

    @property
    def places(self) -> tuple[int, int]:
        """Under way by the gate; free in the window."""
        return self.route.pace.limiter.under_way, self.recorder.room


async def send(bench: Bench, recipients: list[Recipient]) -> None:
    """Start all, and wait for their end."""
    await bench.take_places(len(recipients))
    bench.sending.start(bench.route, recipients)
    async with asyncio.timeout(5):
        await bench.sending.finish()


async def test_those_accepted_keep_their_places_in_the_window_until_they_are_written() -> None:
    bench = Bench(Script(lambda _: answer(200)))
    await send(bench, phones(COUNT))

    assert bench.places == (0, 250 - COUNT)


async def test_what_is_put_off_needs_no_place_any_longer() -> None:
    bench = Bench(Script(lambda _: Unsent("connect: failed")))
    await send(bench, phones(COUNT))

    assert bench.put_off == list(range(1, COUNT + 1))
    assert bench.places == (0, 250)


async def test_each_has_its_own_end() -> None:
    """Of three kinds, in one batch: accepted, unanswered, and asked for once more."""
    stale = answer(403, {"reason": "ExpiredProviderToken"})
    seen: set[str] = set()

    def reply(request: Request) -> Answer | WireError:
        number = int(request.url.rsplit("/", 1)[1], 16)
        is_first = request.url not in seen
        seen.add(request.url)
        if number % 3 == 0:
            return Unanswered("reset")
        return stale if number % 3 == 1 and is_first else answer(200)

    wire = Script(reply)
    bench = Bench(wire)
    await send(bench, phones(COUNT))

    assert bench.put_off == [3, 6, 9, 12, 15, 18]
    assert len(wire.asked) == COUNT + 7
    assert bench.places == (0, 250 - COUNT + 6)


async def test_an_answer_that_breaks_us_ends_the_parcel_and_holds_no_place() -> None:
    bench = Bench(Script(lambda _: answer(500)))
    bench.route.gateway.read_answer = None  # type: ignore[method-assign,assignment]  # a bug
    with pytest.raises(TypeError):
        await send(bench, phones(COUNT))

    assert bench.places == (0, 250)
