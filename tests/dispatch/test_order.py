"""In which order are the requests of parcels begun that a sender has at the same time?"""

from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.credentials import GatewayKind
from services.dispatch.domain.messages import Platform
from tests.dispatch.makers import to_devices, to_platforms
from tests.dispatch.pacing.test_pace import settle
from tests.dispatch.station import OK, apns_key, phones, working
from tests.house.waiting import until

SIZE, AT_ONCE = 500, 30
APNS = {GatewayKind.APNS: apns_key()}


def uid_of(url: str) -> int:
    return int(url.rpartition("/")[2], 16)


async def test_a_parcels_requests_are_begun_before_those_of_the_next(
    dispatch_db: AsyncEngine,
) -> None:
    """Believed before: turns are enough. Who waited at the gate held places of it for the window.

    So each parcel had a few of every checkpoint, and that as many rows as there were parcels.
    """
    people = phones(2 * SIZE)
    async with working(dispatch_db, people, lambda _: OK, APNS, concurrency=AT_ONCE) as station:
        message = await station.send(to_platforms(Platform.IOS), cuts=(SIZE,))
        await station.ended(message, 2 * SIZE)
        parcels = [(uid_of(url) - 1) // SIZE for url in station.wire.asked]

    assert sorted(number for number, _ in groupby(parcels)) == [0, 1]


async def test_what_is_urgent_does_not_wait_until_a_parcel_has_begun(
    dispatch_db: AsyncEngine,
) -> None:
    people = phones(2 * SIZE)
    async with working(dispatch_db, people, lambda _: OK, APNS, concurrency=AT_ONCE) as station:
        station.wire.gate.clear()
        broadcast = await station.send(to_platforms(Platform.IOS), cuts=(SIZE,))
        await until(station.begun, AT_ONCE.__eq__)
        # Whom it names is as many: all people that there are.
        urgent = await station.send(to_devices("all"))
        await until(station.resolved, (3).__eq__)
        await settle()
        station.wire.gate.set()
        for message in (urgent, broadcast):
            await station.ended(message, 2 * SIZE)
        next_ones = station.wire.asked[AT_ONCE : AT_ONCE + 2 * SIZE]

    assert sorted(map(uid_of, next_ones)) == list(range(1, 2 * SIZE + 1))
