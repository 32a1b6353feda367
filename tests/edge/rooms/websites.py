"""Registry's part for Safari, in memory: a package is its own order, a token is `good`."""

from typing import Any

from carillon.registry.v1 import website_service_pb2 as pb
from carillon.registry.v1 import website_service_pb2_grpc as rpc
from services.kit.faults import Code
from tests.edge.rooms.rules import Mood, check_text, fault

website_token_invalid = fault(Code.UNAUTHENTICATED, "WEBSITE_TOKEN_INVALID")


class Websites(rpc.WebsiteServiceServicer):
    def __init__(self, registry: Mood) -> None:
        self._registry = registry
        self.withdrawn: list[str] = []

    async def BuildPushPackage(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("BuildPushPackage")
        check_text("device_id", request.device_id, 254, least=0)
        return pb.BuildPushPackageResponse(package=request.SerializeToString())

    async def GrantPermission(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("GrantPermission")
        _check(request)
        return pb.GrantPermissionResponse()

    async def WithdrawPermission(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("WithdrawPermission")
        _check(request)
        self.withdrawn.append(request.address)
        return pb.WithdrawPermissionResponse()


def _check(request: Any) -> None:
    if request.authentication_token != "good":
        raise website_token_invalid()
