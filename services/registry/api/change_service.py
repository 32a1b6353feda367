"""The feed by which other rooms learn what is gone."""

from typing import Any

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.registry.v1 import change_service_pb2 as pb
from carillon.registry.v1 import change_service_pb2_grpc as rpc
from services.registry.api.wire import change as wire
from services.registry.store import changes

Context = grpc.aio.ServicerContext[Any, Any]


class ChangeServicer(rpc.ChangeServiceServicer):
    def __init__(self, db: AsyncEngine) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")

    async def ListChanges(
        self, request: pb.ListChangesRequest, _context: Context
    ) -> pb.ListChangesResponse:
        position = wire.parse_position(request.position)
        size = wire.parse_page_size(request.page_size)
        async with self._reads.connect() as tx:
            found = await changes.read_after(tx, position, size)
        reached = found[-1].position if found else position
        return pb.ListChangesResponse(
            changes=[wire.show(change) for change in found],
            next_position=wire.write_position(reached),
        )
