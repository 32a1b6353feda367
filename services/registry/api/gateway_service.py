"""Keeps what the gateways ask of an application."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.registry.v1 import gateway_service_pb2 as pb
from carillon.registry.v1 import gateway_service_pb2_grpc as rpc
from services.kit.vault import Vault
from services.registry.api.wire import gateway as wire
from services.registry.api.wire.application import parse_app_id
from services.registry.domain.faults import ApplicationNotFound, GatewayNotConfigured
from services.registry.domain.gateway import GatewayConfiguration, GatewayKind, GatewayState
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

    async def CheckGatewayConfiguration(
        self, request: pb.CheckGatewayConfigurationRequest, _context: Context
    ) -> pb.CheckGatewayConfigurationResponse:
        app_id = parse_app_id(request.app_id)
        now = self._clock()
        draft = wire.parse(request.configuration, now)
        checked = GatewayConfiguration(
            draft.kind, draft.settings, 0, now, draft.expire_time, draft.state
        )
        async with self._reads.connect() as tx:
            await applications.find(tx, app_id)
            checked = checked.with_account_of(await self._find_lender(tx, app_id, checked.kind))
        return pb.CheckGatewayConfigurationResponse(
            configuration=wire.show(checked, now, with_secrets=True)
        )

    async def PutGatewayConfiguration(
        self, request: pb.PutGatewayConfigurationRequest, _context: Context
    ) -> pb.PutGatewayConfigurationResponse:
        app_id = parse_app_id(request.app_id)
        now = self._clock()
        draft = wire.parse(request.configuration, now)
        async with self._db.begin() as tx:
            if not await applications.hold(tx, [app_id]):
                raise ApplicationNotFound(app_id)
            put = await gateways.put(tx, self._vault, app_id, draft, now)
            put = put.with_account_of(await self._find_lender(tx, app_id, put.kind))
        kind, state = put.kind.value, put.state_at(now).value
        log.info(
            "gateway.configured", app_id=str(app_id), kind=kind, version=put.version, state=state
        )
        return pb.PutGatewayConfigurationResponse(configuration=wire.show(put, now))

    async def GetGatewayConfiguration(
        self, request: pb.GetGatewayConfigurationRequest, _context: Context
    ) -> pb.GetGatewayConfigurationResponse:
        app_id = parse_app_id(request.app_id)
        kind = wire.parse_kind("kind", request.kind)
        async with self._reads.connect() as tx:
            found = await self._read(tx, app_id, kind)
        return pb.GetGatewayConfigurationResponse(configuration=wire.show(found, self._clock()))

    async def ListGatewayConfigurations(
        self, request: pb.ListGatewayConfigurationsRequest, _context: Context
    ) -> pb.ListGatewayConfigurationsResponse:
        app_id = parse_app_id(request.app_id)
        now = self._clock()
        async with self._reads.connect() as tx:
            found = await gateways.read_all(tx, self._vault, app_id)
        lender = next((one for one in found if one.kind is GatewayKind.FCM), None)
        return pb.ListGatewayConfigurationsResponse(
            configurations=[wire.show(one.with_account_of(lender), now) for one in found]
        )

    async def DeleteGatewayConfiguration(
        self, request: pb.DeleteGatewayConfigurationRequest, _context: Context
    ) -> pb.DeleteGatewayConfigurationResponse:
        app_id = parse_app_id(request.app_id)
        kind = wire.parse_kind("kind", request.kind)
        async with self._db.begin() as tx:
            await gateways.forget(tx, app_id, kind)
        log.info("gateway.forgotten", app_id=str(app_id), kind=kind.value)
        return pb.DeleteGatewayConfigurationResponse()

    async def ReportGatewayState(
        self, request: pb.ReportGatewayStateRequest, _context: Context
    ) -> pb.ReportGatewayStateResponse:
        app_id = parse_app_id(request.app_id)
        kind = wire.parse_kind("kind", request.kind)
        state, reason = wire.parse_reported_state(request)
        async with self._db.begin() as tx:
            noted = await gateways.note_state(tx, app_id, kind, request.version, state, reason)
        if noted:
            log.info(
                "gateway.judged",
                app_id=str(app_id),
                kind=kind.value,
                state=state.value,
                reason=reason,
            )
        return pb.ReportGatewayStateResponse()

    async def GetGatewayCredential(
        self, request: pb.GetGatewayCredentialRequest, _context: Context
    ) -> pb.GetGatewayCredentialResponse:
        app_id = parse_app_id(request.app_id)
        kind = wire.parse_kind("kind", request.kind)
        now = self._clock()
        async with self._reads.connect() as tx:
            found = await self._read(tx, app_id, kind)
            if found.state_at(now) is GatewayState.INCOMPLETE:
                raise GatewayNotConfigured(kind)
            private = b""
            if kind in WEB_PUSH:
                private = await gateways.read_vapid_private_key(tx, self._vault, app_id)
        return pb.GetGatewayCredentialResponse(
            configuration=wire.show(found, now, with_secrets=True), vapid_private_key=private
        )

    async def _read(
        self, tx: AsyncConnection, app_id: UUID, kind: GatewayKind
    ) -> GatewayConfiguration:
        found = await gateways.read(tx, self._vault, app_id, kind)
        return found.with_account_of(await self._find_lender(tx, app_id, kind))

    async def _find_lender(
        self, tx: AsyncConnection, app_id: UUID, kind: GatewayKind
    ) -> GatewayConfiguration | None:
        if kind is not GatewayKind.APPEXT_CHROME:
            return None
        return await gateways.find_account(tx, self._vault, app_id)

    async def GetVapidPublicKey(
        self, request: pb.GetVapidPublicKeyRequest, _context: Context
    ) -> pb.GetVapidPublicKeyResponse:
        app_id = parse_app_id(request.app_id)
        async with self._reads.connect() as tx:
            key = await gateways.read_vapid_public_key(tx, app_id)
        return pb.GetVapidPublicKeyResponse(public_key=key)
