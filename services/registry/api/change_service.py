"""The feeds by which other rooms learn what is gone, and what happens to devices."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.registry.v1 import change_service_pb2 as pb
from carillon.registry.v1 import change_service_pb2_grpc as rpc
from services.registry.api.wire import change as wire
from services.registry.store import changes, device_events

Context = grpc.aio.ServicerContext[Any, Any]


class ChangeServicer(rpc.ChangeServiceServicer):
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
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

    async def WatchDevices(
        self, request: pb.WatchDevicesRequest, _context: Context
    ) -> pb.WatchDevicesResponse:
        app_ids = wire.parse_app_ids(request)
        end_time = self._clock() + wire.parse_duration(request)
        async with self._db.begin() as tx:
            await device_events.watch(tx, app_ids, end_time)
        return pb.WatchDevicesResponse()

    async def ListDeviceEvents(
        self, request: pb.ListDeviceEventsRequest, _context: Context
    ) -> pb.ListDeviceEventsResponse:
        position = wire.parse_position(request.position)
        size = wire.parse_page_size(request.page_size)
        async with self._reads.connect() as tx:
            found = await device_events.read_after(tx, position, size)
        reached = found[-1].position if found else position
        return pb.ListDeviceEventsResponse(
            events=[wire.show_event(event) for event in found],
            next_position=wire.write_position(reached),
        )
