"""Reads the book in bulk."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.registry.v1 import recipient_service_pb2 as pb
from carillon.registry.v1 import recipient_service_pb2_grpc as rpc
from services.registry.api.wire import recipient as wire
from services.registry.api.wire.application import parse_app_id
from services.registry.slicer import Slicer
from services.registry.store import applications, recipients

Context = grpc.aio.ServicerContext[Any, Any]


class RecipientServicer(rpc.RecipientServiceServicer):
    def __init__(self, db: AsyncEngine, slicer: Slicer) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._slicer = slicer

    async def SliceRecipients(
        self, request: pb.SliceRecipientsRequest, _context: Context
    ) -> AsyncIterator[pb.SliceRecipientsResponse]:
        audience = wire.parse_audience(request)
        size = wire.parse_slice_size(request.slice_size)
        start = wire.parse_resume_token(request.resume_token, audience)
        async with self._reads.connect() as tx:
            await applications.find(tx, audience.app_id)
        async for slices, place in self._slicer.cut(audience, size, start):
            yield pb.SliceRecipientsResponse(
                slices=wire.show_slices(slices),
                resume_token=wire.write_resume_token(place, audience),
            )

    async def ListRecipients(
        self, request: pb.ListRecipientsRequest, _context: Context
    ) -> AsyncIterator[pb.ListRecipientsResponse]:
        app_id, filter_, stretches, limit = wire.parse_stretches(request)
        async with self._reads.connect() as tx:
            found = await recipients.within(tx, app_id, filter_, stretches, limit)
        for place, held in enumerate(found):
            for portion in wire.show_recipients(held):
                yield pb.ListRecipientsResponse(recipients=portion, place=place)

    async def BatchGetRecipients(
        self, request: pb.BatchGetRecipientsRequest, _context: Context
    ) -> AsyncIterator[pb.BatchGetRecipientsResponse]:
        app_id = parse_app_id(request.app_id)
        groups = wire.parse_groups(request.groups)
        async with self._reads.connect() as tx:
            found = await recipients.behind(tx, app_id, groups)
        for place, held in enumerate(found):
            for portion in wire.show_recipients(held):
                yield pb.BatchGetRecipientsResponse(recipients=portion, place=place)
