"""What Safari asks of a website that wants to push."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.registry.v1 import website_service_pb2 as pb
from carillon.registry.v1 import website_service_pb2_grpc as rpc
from services.registry.api.wire import checks
from services.registry.api.wire.application import parse_app_id
from services.registry.domain.device import AddressReport, Platform, State, digest_address
from services.registry.domain.faults import DeviceNotFound, WebsiteTokenInvalid
from services.registry.domain.website import WebsiteTokens
from services.registry.packaging import Asked, Packaging
from services.registry.store import applications, devices, findings

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]

MAX_URL = 2048


class WebsiteServicer(rpc.WebsiteServiceServicer):
    def __init__(
        self,
        db: AsyncEngine,
        clock: Callable[[], datetime],
        packaging: Packaging,
        tokens: WebsiteTokens,
    ) -> None:
        self._db = db
        self._clock = clock
        self._packaging = packaging
        self._tokens = tokens

    async def BuildPushPackage(
        self, request: pb.BuildPushPackageRequest, _context: Context
    ) -> pb.BuildPushPackageResponse:
        asked = Asked(
            app_id=parse_app_id(request.app_id),
            website_push_id=checks.name("website_push_id", request.website_push_id),
            web_service_url=checks.text("web_service_url", request.web_service_url, 1, MAX_URL),
            device_id=checks.text("device_id", request.device_id, 0, checks.MAX_NAME),
            version=checks.number("version", request.version, 1, 2),
        )
        return pb.BuildPushPackageResponse(package=await self._packaging.build(asked))

    async def GrantPermission(
        self, request: pb.GrantPermissionRequest, _context: Context
    ) -> pb.GrantPermissionResponse:
        app_id, _ = self._prove(request)
        async with self._db.connect() as tx:
            await applications.find(tx, app_id)
        return pb.GrantPermissionResponse()

    async def WithdrawPermission(
        self, request: pb.WithdrawPermissionRequest, _context: Context
    ) -> pb.WithdrawPermissionResponse:
        app_id, device_id = self._prove(request)
        async with self._db.begin() as tx:
            await applications.find(tx, app_id)
            try:
                device = await devices.find(tx, app_id, device_id)
            except DeviceNotFound:
                return pb.WithdrawPermissionResponse()
            if device.platform is Platform.WEB_SAFARI:
                digest = digest_address(request.address)
                gone = AddressReport(app_id, device.uid, digest, self._clock(), State.DEAD)
                settled = await findings.settle(tx, [gone])
                log.info("website.withdrawn", app_id=str(app_id), buried=settled.buried)
        return pb.WithdrawPermissionResponse()

    def _prove(
        self, request: pb.GrantPermissionRequest | pb.WithdrawPermissionRequest
    ) -> tuple[UUID, str]:
        """The application, and the device that the token was made for."""
        app_id = parse_app_id(request.app_id)
        token = request.authentication_token
        device_id = self._tokens.read(app_id, request.website_push_id, token)
        if device_id is None:
            raise WebsiteTokenInvalid
        return app_id, device_id
