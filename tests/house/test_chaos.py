"""Is anything lost when processes, the database and the way to the gateways end in mid-broadcast?

The small form of `make chaos`.
"""

from pathlib import Path

from bench.chaos.faults import Fault, Kind
from bench.chaos.run import WINDOW, Plan, play
from tests.house.marks import HOUSE
from tests.house.transcript import Transcript

pytestmark = HOUSE

SMALL = Plan(
    devices=1_000,
    singles=20,
    faults=(
        Fault(Kind.KILL, "dispatch-planner"),
        Fault(Kind.KILL, "dispatch-sender"),
        Fault(Kind.RESTART, "postgresql immediate"),
        Fault(Kind.CUT, "gateways"),
    ),
)


async def test_nothing_and_what_a_kill_repeats_fits_into_a_window(tmp_path: Path) -> None:
    findings = await play(SMALL, tmp_path / "house", Transcript(), print)

    assert findings.losses == []
    assert findings.messages > 1
    assert findings.deliveries >= SMALL.devices
    assert findings.repeated < WINDOW * findings.count(Kind.KILL)
