"""TargetingService."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from carillon.targeting.v1 import targeting_service_pb2 as pb
from carillon.targeting.v1 import targeting_service_pb2_grpc as rpc
from services.targeting.api import Context, checks, wire
from services.targeting.api.chunks import RecipientChunk
from services.targeting.checking import Checker
from services.targeting.cutting import Cutter
from services.targeting.domain.slices import Rest
from services.targeting.resolving import Resolver


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

    async def ResolveSlice(  # type: ignore[override]  # a chunk is the bytes of an answer
        self, request: pb.ResolveSliceRequest, _context: Context
    ) -> AsyncIterator[pb.ResolveSliceResponse | RecipientChunk]:
        app_id = checks.app_id(request.app_id)
        target = wire.parse_target(request.target)
        piece = wire.parse_slice(request.slice)
        async with aclosing(self._resolver.resolve_slice(app_id, target, piece)) as parts:
            async for part in parts:
                if isinstance(part, Rest):
                    yield pb.ResolveSliceResponse(continue_after_uid=part.after_uid)
                else:
                    yield part

    async def ResolveUids(  # type: ignore[override]  # likewise
        self, request: pb.ResolveUidsRequest, _context: Context
    ) -> AsyncIterator[RecipientChunk]:
        app_id = checks.app_id(request.app_id)
        target = wire.parse_target(request.target)
        uids = wire.parse_uids(request)
        async with aclosing(self._resolver.resolve_uids(app_id, target, uids)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def CheckTarget(
        self, request: pb.CheckTargetRequest, _context: Context
    ) -> pb.CheckTargetResponse:
        app_id = checks.app_id(request.app_id)
        target = wire.parse_target(request.target)
        return pb.CheckTargetResponse(
            unknown_names=await self._checker.unknown_names(app_id, target)
        )
