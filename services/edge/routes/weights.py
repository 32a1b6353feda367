"""How much of the senders' work an application gets while others wait too: the operator's word."""

import msgspec
from starlette.responses import Response

from carillon.dispatch.v1 import weight_service_pb2 as pb
from carillon.registry.v1.application_service_pb2 import GetApplicationRequest
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.rooms import Rooms
from services.edge.routing import Route

MAX_WEIGHT = 1000


class WeightBody(msgspec.Struct):
    weight: int | None = None


class Weights:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def routes(self, door: Door) -> list[Route]:
        operator = Access.OPERATOR
        return [
            door.route(
                APP + "/settings/weight", GET=(operator, self._read), PUT=(operator, self._write)
            )
        ]

    async def _read(self, call: Call) -> Response:
        await self._know(call)
        read = await self._rooms.weights.GetWeight(
            pb.GetWeightRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        return answer({"weight": read.weight})

    async def _write(self, call: Call) -> Response:
        body = await call.read(WeightBody)
        if body.weight is None:
            raise problems.required("weight")
        if not 1 <= body.weight <= MAX_WEIGHT:
            raise problems.invalid("weight", f"must be 1 to {MAX_WEIGHT}, not {body.weight}")
        await self._know(call)
        written = await self._rooms.weights.SetWeight(
            pb.SetWeightRequest(app_id=call.app_id, weight=body.weight),
            timeout=self._rooms.timeout,
        )
        return answer({"weight": written.weight})

    async def _know(self, call: Call) -> None:
        """404 for an application that does not exist: dispatch would keep anyone's weight."""
        await self._rooms.applications.GetApplication(
            GetApplicationRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
