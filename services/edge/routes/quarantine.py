"""Devices under suspicion: how many an application has, and an operator's word that lifts it."""

import msgspec
from starlette.responses import Response

from carillon.registry.v1 import device_service_pb2 as pb
from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.rooms import Rooms
from services.edge.routing import Route


class RestoreBody(msgspec.Struct, rename="camel"):
    device_ids: list[str] = []


class Quarantine:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def routes(self, door: Door) -> list[Route]:
        operator = Access.OPERATOR
        return [
            door.route(APP + "/quarantine", GET=(operator, self._read)),
            door.route(APP + "/quarantine/restore", POST=(operator, self._restore)),
        ]

    async def _read(self, call: Call) -> Response:
        return answer({"count": await self._count(call)})

    async def _restore(self, call: Call) -> Response:
        """Bring back those named, or the first 5000; `count` says how many are left."""
        body = await call.read(RestoreBody)
        restored = await self._rooms.devices.RestoreDevices(
            pb.RestoreDevicesRequest(app_id=call.app_id, device_ids=body.device_ids),
            timeout=self._rooms.timeout,
        )
        left = await self._count(call)
        return answer({"restored": restored.restored_count, "count": left})

    async def _count(self, call: Call) -> int:
        counted = await self._rooms.devices.CountQuarantined(
            pb.CountQuarantinedRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        return counted.count
