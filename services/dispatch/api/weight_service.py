"""WeightService: how much of the senders' work each application gets."""

from typing import Any

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1 import weight_service_pb2 as pb
from carillon.dispatch.v1 import weight_service_pb2_grpc as rpc
from services.dispatch.api import wire
from services.dispatch.domain.fairness import MAX_WEIGHT
from services.dispatch.store import shares
from services.kit.faults import FieldInvalid

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]


class WeightServicer(rpc.WeightServiceServicer):
    def __init__(self, db: AsyncEngine) -> None:
        self._db = db

    async def GetWeight(
        self, request: pb.GetWeightRequest, _context: Context
    ) -> pb.GetWeightResponse:
        app_id = wire.parse_app_id(request.app_id)
        async with self._db.connect() as connection:
            weight = await shares.read_weight(connection, app_id)
        return pb.GetWeightResponse(weight=weight)

    async def SetWeight(
        self, request: pb.SetWeightRequest, _context: Context
    ) -> pb.SetWeightResponse:
        app_id = wire.parse_app_id(request.app_id)
        if not 1 <= request.weight <= MAX_WEIGHT:
            raise FieldInvalid("weight", f"must be 1 to {MAX_WEIGHT}, not {request.weight}")
        async with self._db.begin() as tx:
            await shares.write_weight(tx, app_id, request.weight)
        log.info("weight.set", app_id=str(app_id), weight=request.weight)
        return pb.SetWeightResponse(weight=request.weight)
