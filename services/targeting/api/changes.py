"""ChangeService: the feed by which other rooms learn who subscribes and unsubscribes."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.targeting.v1 import change_service_pb2 as pb
from carillon.targeting.v1 import change_service_pb2_grpc as rpc
from services.targeting.api import Context, event_wire
from services.targeting.store import events


class ChangeServicer(rpc.ChangeServiceServicer):
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")

    async def WatchSubscriptions(
        self, request: pb.WatchSubscriptionsRequest, _context: Context
    ) -> pb.WatchSubscriptionsResponse:
        app_ids = event_wire.parse_app_ids(request)
        end_time = self._clock() + event_wire.parse_duration(request)
        async with self._db.begin() as tx:
            await events.watch(tx, app_ids, end_time)
        return pb.WatchSubscriptionsResponse()

    async def ListSubscriptionEvents(
        self, request: pb.ListSubscriptionEventsRequest, _context: Context
    ) -> pb.ListSubscriptionEventsResponse:
        position = event_wire.parse_position(request.position)
        size = event_wire.parse_page_size(request.page_size)
        async with self._reads.connect() as connection:
            found = await events.read_after(connection, position, size)
        reached = found[-1].position if found else position
        return pb.ListSubscriptionEventsResponse(
            events=[event_wire.render_event(event) for event in found],
            next_position=event_wire.write_position(reached),
        )
