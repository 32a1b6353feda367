"""What happens to the house: who is killed, restarted or cut off, and in which order."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from bench.chaos.line import Line
from dev.house import House
from dev.postgres import restart

# Each has a process of its own; the sandbox stands for the world outside.
ROOMS = (
    "dispatch-planner",
    "dispatch-sender",
    "registry",
    "targeting",
    "dispatch-api",
    "dispatch-reporter",
    "edge",
)
CUT_SECONDS = 2.0


class Kind(StrEnum):
    KILL = "kill -9"
    RESTART = "restart"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    whom: str

    def __str__(self) -> str:
        return f"{self.kind} {self.whom}"


POSTGRES = (Fault(Kind.RESTART, "postgresql fast"), Fault(Kind.RESTART, "postgresql immediate"))
GATEWAYS = (Fault(Kind.CUT, "gateways"), Fault(Kind.CUT, "gateways silently"))


def choose_all(random: Random, further: int) -> list[Fault]:
    """Each kind of process in turn, the database both ways, the gateways, and then at random."""
    kills = [Fault(Kind.KILL, room) for room in ROOMS]
    return [*kills, *POSTGRES, *GATEWAYS, *_choose(random, [*kills, *POSTGRES], further)]


def _choose(random: Random, among: list[Fault], times: int) -> Iterator[Fault]:
    """Any, but the senders as often as all others: what is lost or repeated is theirs."""
    for _ in range(times):
        yield random.choice([Fault(Kind.KILL, "dispatch-sender"), random.choice(among)])


async def inflict(fault: Fault, house: House, line: Line) -> None:
    """Returns when what was ended runs again, whatever it still has to make good."""
    match fault.kind:
        case Kind.KILL:
            await house.kill_room(fault.whom)
            await house.start_room(fault.whom)
        case Kind.RESTART:
            mode = fault.whom.split()[-1]
            await asyncio.to_thread(restart, house.place.postgres_folder, mode)
        case Kind.CUT if fault.whom.endswith("silently"):
            line.go_dead()
        case Kind.CUT:
            await line.cut(CUT_SECONDS)
