"""TargetingService."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from uuid import UUID

from carillon.targeting.v1 import targeting_service_pb2 as pb
from carillon.targeting.v1 import targeting_service_pb2_grpc as rpc
from services.targeting.api import Context, checks, wire
from services.targeting.api.chunks import RecipientChunk
from services.targeting.checking import Checker
from services.targeting.cutting import Cutter
from services.targeting.domain.slices import Rest, Slice
from services.targeting.domain.targets import Target
from services.targeting.resolving import Resolver
from services.targeting.streaming import Part


class TargetingServicer(rpc.TargetingServiceServicer):
    def __init__(
        self, cutter: Cutter, resolver: Resolver[RecipientChunk], checker: Checker
    ) -> None:
        self._cutter = cutter
        self._resolver = resolver
        self._checker = checker

    async def SliceTarget(
        self, request: pb.SliceTargetRequest, _context: Context
    ) -> AsyncIterator[pb.SliceTargetResponse]:
        app_id = checks.app_id(request.app_id)
        target = wire.parse_target(request.target)
        async with aclosing(self._cutter.cut(app_id, target, request.resume_token)) as cuts:
            async for cut in cuts:
                yield pb.SliceTargetResponse(
                    slices=[wire.render_slice(piece) for piece in cut.slices],
                    resume_token=cut.resume_token,
                )

    async def ResolveSlices(  # type: ignore[override]  # a chunk is the bytes of an answer
        self, request: pb.ResolveSlicesRequest, _context: Context
    ) -> AsyncIterator[pb.ResolveSlicesResponse | bytes]:
        app_id = checks.app_id(request.app_id)
        target = wire.parse_target(request.target)
        pieces = wire.parse_slices(request.slices)
        for place, parts in enumerate(await self._resolve_all(app_id, target, pieces)):
            for part in parts:
                if isinstance(part, Rest):
                    yield pb.ResolveSlicesResponse(place=place, continue_after_uid=part.after_uid)
                else:
                    yield part.at(place)

    async def _resolve_all(
        self, app_id: UUID, target: Target, pieces: Sequence[Slice]
    ) -> list[list[Part[RecipientChunk]]]:
        """All at once: what they ask of registry and of our store goes there together."""

        async def resolve(piece: Slice) -> list[Part[RecipientChunk]]:
            return [part async for part in self._resolver.resolve_slice(app_id, target, piece)]

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(resolve(piece)) for piece in pieces]
        except ExceptionGroup as failures:  # one reason is enough for the caller
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def ResolveUids(  # type: ignore[override]  # likewise
        self, request: pb.ResolveUidsRequest, _context: Context
    ) -> AsyncIterator[bytes]:
        app_id = checks.app_id(request.app_id)
        target = wire.parse_target(request.target)
        uids = wire.parse_uids(request)
        async with aclosing(self._resolver.resolve_uids(app_id, target, uids)) as chunks:
            async for chunk in chunks:
                yield chunk.content

    async def CheckTarget(
        self, request: pb.CheckTargetRequest, _context: Context
    ) -> pb.CheckTargetResponse:
        app_id = checks.app_id(request.app_id)
        target = wire.parse_target(request.target)
        return pb.CheckTargetResponse(
            unknown_names=await self._checker.unknown_names(app_id, target)
        )
