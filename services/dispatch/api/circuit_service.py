"""CircuitService: what keeps messages from a gateway, and an operator's word on it."""

from typing import Any
from uuid import UUID

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.dispatch.v1 import circuit_service_pb2 as pb
from carillon.dispatch.v1 import circuit_service_pb2_grpc as rpc
from services.dispatch.api import wire
from services.dispatch.domain.circuits import BlownFuse, Cause, Circuit
from services.dispatch.domain.faults import FuseNotBlown
from services.dispatch.domain.messages import Platform
from services.dispatch.store import circuits, fuses
from services.kit.faults import FieldInvalid

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]

MAX_COUNT = 10_000
CAUSE_TO_WIRE = {
    Cause.OUTAGE: pb.CIRCUIT_CAUSE_OUTAGE,
    Cause.MISCONFIGURED: pb.CIRCUIT_CAUSE_MISCONFIGURED,
    Cause.THROTTLED: pb.CIRCUIT_CAUSE_THROTTLED,
}
DECISIONS = {
    pb.FUSE_DECISION_CONFIRM: fuses.confirm,
    pb.FUSE_DECISION_DISMISS: fuses.dismiss,
}


class CircuitServicer(rpc.CircuitServiceServicer):
    def __init__(self, db: AsyncEngine) -> None:
        self._db = db

    async def ListCircuits(
        self, request: pb.ListCircuitsRequest, _context: Context
    ) -> pb.ListCircuitsResponse:
        app_id = wire.parse_app_id(request.app_id)
        async with self._db.connect() as connection:
            open_, blown = await _read(connection, app_id)
            parked = await circuits.count_parked(
                connection, [circuit.key for circuit in open_], MAX_COUNT
            )
            held = {fuse.key: await fuses.count_held(connection, fuse.key) for fuse in blown}
        return pb.ListCircuitsResponse(
            circuits=[_show_circuit(circuit, parked[circuit.key]) for circuit in open_],
            fuses=[_show_fuse(fuse, held[fuse.key]) for fuse in blown],
        )

    async def DecideFuse(
        self, request: pb.DecideFuseRequest, _context: Context
    ) -> pb.DecideFuseResponse:
        app_id, platform = _parse_platform(request)
        decide = DECISIONS.get(request.decision)
        if decide is None:
            raise _unnamed("decision", request.decision)
        async with self._db.begin() as tx:
            keys = [
                fuse.key for fuse in await fuses.read_of(tx, app_id) if _is_meant(fuse, request)
            ]
            found = [await decide(tx, key) for key in keys if key.platform is platform]
        counts = [count for count in found if count is not None]
        if not counts:
            raise FuseNotBlown(platform.name)
        decision = pb.FuseDecision.Name(request.decision).removeprefix("FUSE_DECISION_")
        said = {"app_id": str(app_id), "platform": platform.name, "gate": request.gate}
        log.info("fuse.decided", **said, decision=decision, count=sum(counts))
        return pb.DecideFuseResponse(report_count=sum(counts))


async def _read(connection: AsyncConnection, app_id: UUID) -> tuple[list[Circuit], list[BlownFuse]]:
    """The circuits that keep anybody waiting, and the fuses."""
    found = await circuits.read_of(connection, app_id)
    return [each for each in found if not each.is_closing], await fuses.read_of(connection, app_id)


def _parse_platform(request: pb.DecideFuseRequest) -> tuple[UUID, Platform]:
    platform = wire.PLATFORM_FROM_WIRE.get(request.platform, Platform.MIXED)
    if platform is Platform.MIXED:
        raise _unnamed("platform", request.platform)
    return wire.parse_app_id(request.app_id), platform


def _is_meant(fuse: BlownFuse, request: pb.DecideFuseRequest) -> bool:
    return not request.HasField("gate") or fuse.key.gate == request.gate


def _unnamed(field: str, value: int) -> FieldInvalid:
    return FieldInvalid(field, f"must be one of the named values, not {value}")


def _show_circuit(circuit: Circuit, parked: int) -> pb.Circuit:
    return pb.Circuit(
        platform=wire.PLATFORM_TO_WIRE[circuit.key.platform],
        gate=circuit.key.gate,
        cause=CAUSE_TO_WIRE[circuit.cause],
        reason=circuit.reason,
        open_time=wire.write_time(circuit.open_time),
        probe_time=wire.write_time(circuit.probe_time),
        failure_count=circuit.failures,
        parked_count=parked,
    )


def _show_fuse(fuse: BlownFuse, held: int) -> pb.Fuse:
    return pb.Fuse(
        platform=wire.PLATFORM_TO_WIRE[fuse.key.platform],
        gate=fuse.key.gate,
        share=fuse.share,
        blow_time=wire.write_time(fuse.blow_time),
        confirm_time=None if fuse.confirm_time is None else wire.write_time(fuse.confirm_time),
        held_count=held,
    )
