"""What keeps an application's messages from a gateway, and an operator's word on it."""

from typing import Any

import msgspec
from starlette.responses import Response

from carillon.dispatch.v1 import circuit_service_pb2 as pb
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.names import PLATFORM_CODES
from services.edge.platforms import read_platform
from services.edge.rooms import Rooms
from services.edge.routing import Route
from services.edge.times import write_time

DECISIONS = {
    "CONFIRM": pb.FUSE_DECISION_CONFIRM,
    "DISMISS": pb.FUSE_DECISION_DISMISS,
}


class DecisionBody(msgspec.Struct, rename="camel"):
    decision: str | None = None
    gate: str | None = None


class Circuits:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def routes(self, door: Door) -> list[Route]:
        operator = Access.OPERATOR
        return [
            door.route(APP + "/circuits", GET=(operator, self._list)),
            door.route(APP + "/fuses/{platform}", POST=(operator, self._decide)),
        ]

    async def _list(self, call: Call) -> Response:
        listed = await self._rooms.circuits.ListCircuits(
            pb.ListCircuitsRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        return answer(
            {
                "circuits": [_render_circuit(each) for each in listed.circuits],
                "fuses": [_render_fuse(each) for each in listed.fuses],
            }
        )

    async def _decide(self, call: Call) -> Response:
        platform = read_platform(call.name("platform"), "platform")
        body = await call.read(DecisionBody)
        decision = DECISIONS.get((body.decision or "").upper())
        if decision is None:
            raise problems.invalid("decision", f"must be one of {', '.join(DECISIONS)}")
        decided = await self._rooms.circuits.DecideFuse(
            pb.DecideFuseRequest(
                app_id=call.app_id, platform=platform, decision=decision, gate=body.gate
            ),
            timeout=self._rooms.timeout,
        )
        return answer({"reports": decided.report_count})


def _render_circuit(circuit: pb.Circuit) -> dict[str, Any]:
    return {
        "platform": PLATFORM_CODES.get(circuit.platform, "UNKNOWN"),
        "gate": circuit.gate,
        "cause": pb.CircuitCause.Name(circuit.cause).removeprefix("CIRCUIT_CAUSE_"),
        "reason": circuit.reason,
        "openTime": write_time(circuit.open_time),
        "probeTime": write_time(circuit.probe_time),
        "failures": circuit.failure_count,
        "parked": circuit.parked_count,
    }


def _render_fuse(fuse: pb.Fuse) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "platform": PLATFORM_CODES.get(fuse.platform, "UNKNOWN"),
        "gate": fuse.gate,
        "share": fuse.share,
        "blowTime": write_time(fuse.blow_time),
        "held": fuse.held_count,
    }
    if fuse.HasField("confirm_time"):
        rendered["confirmTime"] = write_time(fuse.confirm_time)
    return rendered
