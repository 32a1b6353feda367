"""Keeps what the gateways ask of an application."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.registry.v1 import gateway_service_pb2 as pb
from carillon.registry.v1 import gateway_service_pb2_grpc as rpc
from services.registry.api.wire import gateway as wire
from services.registry.api.wire.application import parse_app_id
from services.registry.domain.faults import ApplicationNotFound
from services.registry.domain.gateway import GatewayKind
from services.registry.domain.vault import Vault
from services.registry.store import applications, gateways

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]

WEB_PUSH = frozenset({GatewayKind.WEB_CHROME, GatewayKind.WEB_FIREFOX})


class GatewayServicer(rpc.GatewayServiceServicer):
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime], vault: Vault) -> None:
        self._db = db
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._vault = vault

    async def PutGatewayConfiguration(
        self, request: pb.PutGatewayConfigurationRequest, _context: Context
    ) -> pb.PutGatewayConfigurationResponse:
        app_id = parse_app_id(request.app_id)
        kind, settings = wire.parse(request.configuration)
        async with self._db.begin() as tx:
            if not await applications.hold(tx, [app_id]):
                raise ApplicationNotFound(app_id)
            put = await gateways.put(tx, self._vault, app_id, kind, settings, self._clock())
        log.info("gateway.configured", app_id=str(app_id), kind=kind.value, version=put.version)
        return pb.PutGatewayConfigurationResponse(configuration=wire.show(put))

    async def GetGatewayConfiguration(
        self, request: pb.GetGatewayConfigurationRequest, _context: Context
    ) -> pb.GetGatewayConfigurationResponse:
        app_id = parse_app_id(request.app_id)
        kind = wire.parse_kind("kind", request.kind)
        async with self._reads.connect() as tx:
            found = await gateways.read(tx, self._vault, app_id, kind)
        return pb.GetGatewayConfigurationResponse(configuration=wire.show(found))

    async def ListGatewayConfigurations(
        self, request: pb.ListGatewayConfigurationsRequest, _context: Context
    ) -> pb.ListGatewayConfigurationsResponse:
        app_id = parse_app_id(request.app_id)
        async with self._reads.connect() as tx:
            found = await gateways.read_all(tx, self._vault, app_id)
        return pb.ListGatewayConfigurationsResponse(configurations=[wire.show(c) for c in found])

    async def DeleteGatewayConfiguration(
        self, request: pb.DeleteGatewayConfigurationRequest, _context: Context
    ) -> pb.DeleteGatewayConfigurationResponse:
        app_id = parse_app_id(request.app_id)
        kind = wire.parse_kind("kind", request.kind)
        async with self._db.begin() as tx:
            await gateways.forget(tx, app_id, kind)
        log.info("gateway.forgotten", app_id=str(app_id), kind=kind.value)
        return pb.DeleteGatewayConfigurationResponse()

    async def GetGatewayCredential(
        self, request: pb.GetGatewayCredentialRequest, _context: Context
    ) -> pb.GetGatewayCredentialResponse:
        app_id = parse_app_id(request.app_id)
        kind = wire.parse_kind("kind", request.kind)
        async with self._reads.connect() as tx:
            found = await gateways.read(tx, self._vault, app_id, kind)
            private = b""
            if kind in WEB_PUSH:
                private = await gateways.read_vapid_private_key(tx, self._vault, app_id)
        return pb.GetGatewayCredentialResponse(
            configuration=wire.show(found, with_secrets=True), vapid_private_key=private
        )

    async def GetVapidPublicKey(
        self, request: pb.GetVapidPublicKeyRequest, _context: Context
    ) -> pb.GetVapidPublicKeyResponse:
        app_id = parse_app_id(request.app_id)
        async with self._reads.connect() as tx:
            key = await gateways.read_vapid_public_key(tx, app_id)
        return pb.GetVapidPublicKeyResponse(public_key=key)
