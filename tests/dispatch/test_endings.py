"""When is it told that a message may have ended?"""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.credentials import GatewayKind
from services.dispatch.domain.messages import Platform
from tests.dispatch.makers import to_devices, to_platforms
from tests.dispatch.station import OK, apns_key, phones, working
from tests.house.waiting import until

IPHONES = to_platforms(Platform.IOS)
KEPT = {GatewayKind.APNS: apns_key()}


async def test_when_the_last_of_its_parcels_in_hand_has_ended_and_not_at_each(
    dispatch_db: AsyncEngine,
) -> None:
    """Every end of a parcel was told, and each time somebody looked at all messages under way."""
    async with working(dispatch_db, phones(4), lambda _: OK, KEPT) as station:
        station.wire.slow = "04"
        station.wire.gate.clear()
        message = await station.send(IPHONES, cuts=(2,))
        await station.ended(message, 2)
        await until(station.states, lambda states: len(states) == 1)
        before = list(station.endings)
        station.wire.gate.set()
        await station.ended(message, 4)
        await until(station.states, lambda states: not states)

    assert before == []
    assert len(station.endings) == 1


async def test_each_message_is_told_by_itself(dispatch_db: AsyncEngine) -> None:
    async with working(dispatch_db, phones(1), lambda _: OK, KEPT) as station:
        for message_id in ("aaaaaaaa", "bbbbbbbb"):
            message = await station.send(to_devices("phone"), message_id=message_id)
            await station.ended(message, 1)
        await until(station.states, lambda states: not states)

    assert len(station.endings) == 2
