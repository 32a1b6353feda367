"""What can an operator see of what the gates have learnt?"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from opentelemetry.metrics import Observation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.circuits import Cause, Key, Opening
from services.dispatch.domain.messages import Platform
from services.dispatch.gateways.verdicts import Accepted, Later, Trouble
from services.dispatch.gauges import Gauges
from tests.dispatch.makers import APP, OTHER_APP
from tests.dispatch.station import working
from tests.dispatch.test_gates import Moods
from tests.house.waiting import until

T = TypeVar("T")
MOZILLA = "push.services.mozilla.com"
FIREFOX = {"carillon.platform": "WEB_FIREFOX", "carillon.gate": MOZILLA}


def show(found: Iterable[Observation]) -> list[tuple[float, dict[str, object]]]:
    return [(each.value, dict(each.attributes or {})) for each in found]


async def test_the_lowest_limit_and_the_slowest_answers_by_gate_and_never_by_application(
    dispatch_db: AsyncEngine,
) -> None:
    async with working(dispatch_db, [], Moods(), {}) as station:
        board, now = station.switchboard, 100.0
        gauges = Gauges(board, lambda: now)
        paces = [board.pace(Key(app, Platform.WEB_FIREFOX, MOZILLA)) for app in (APP, OTHER_APP)]
        for pace in paces:
            await pace.enter(2, (True, 0))
        start = station.sender._desk.monotonic()
        paces[0].leave(Later("503", None, Trouble.OUTAGE), start)
        paces[1].leave(Accepted(), start - 40)
        limits, under_way = show(gauges.limits()), show(gauges.under_way())
        [(seconds, gate)] = show(gauges.answer_times())

    assert limits == [(16, FIREFOX)]
    assert under_way == [(2, FIREFOX)]
    assert gate == FIREFOX
    assert 3 < seconds < 6


async def test_what_is_open_and_what_the_quota_allows(dispatch_db: AsyncEngine) -> None:
    async with working(dispatch_db, [], Moods(), {}, fcm_per_minute=600_000) as station:
        board = station.switchboard
        gauges = Gauges(board, lambda: 0.0)
        without = show(gauges.rates())
        android = board.pace(Key(APP, Platform.ANDROID), "acme-bank 1")
        await android.enter(1, (True, 0))
        board.open(Key(APP, Platform.WEB_FIREFOX, MOZILLA), Opening(Cause.OUTAGE, "503"))
        await until(station.open_circuits, bool)
        await until(_later(lambda: show(gauges.open_circuits())), bool)
        open_ = show(gauges.open_circuits())
        [(rate, _)] = show(gauges.rates())

    assert without == []
    assert open_ == [(1, FIREFOX | {"carillon.cause": "OUTAGE"})]
    # At the beginning of its ramp: a hundredth of ten thousand a second.
    assert rate == 100


def _later(ask: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    async def answer() -> T:
        return ask()

    return answer
