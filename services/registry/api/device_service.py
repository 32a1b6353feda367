"""Keeps the book of devices."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1 import device_service_pb2_grpc as rpc
from services.kit import paging
from services.registry.api.wire import device as wire
from services.registry.api.wire.application import parse_app_id
from services.registry.domain.device import (
    ByDeviceIds,
    ByUids,
    ByUser,
    Device,
    DeviceIdentity,
    DeviceQuery,
    Question,
)
from services.registry.finder import Finder
from services.registry.registrar import Registrar
from services.registry.store import applications, devices, findings, identities, twins

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]

# gRPC refuses messages above 4 MiB; a page of the heaviest devices ends early instead.
MAX_PAGE_BYTES = 3_000_000


class DeviceServicer(rpc.DeviceServiceServicer):
    def __init__(
        self,
        db: AsyncEngine,
        clock: Callable[[], datetime],
        registrar: Registrar,
        finder: Finder,
    ) -> None:
        self._db = db
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._registrar = registrar
        self._finder = finder

    async def RegisterDevice(
        self, request: pb.RegisterDeviceRequest, _context: Context
    ) -> pb.RegisterDeviceResponse:
        device = await self._registrar.register(wire.parse_registration(request))
        return pb.RegisterDeviceResponse(device=wire.show(device))

    async def GetDevice(
        self, request: pb.GetDeviceRequest, _context: Context
    ) -> pb.GetDeviceResponse:
        app_id = parse_app_id(request.app_id)
        device_id = wire.parse_device_id(request.device_id)
        device = await self._finder.find(app_id, device_id)
        return pb.GetDeviceResponse(device=wire.show(device))

    async def UpdateDevice(
        self, request: pb.UpdateDeviceRequest, _context: Context
    ) -> pb.UpdateDeviceResponse:
        changed = wire.parse_update(request)
        async with self._db.begin() as tx:
            device = await devices.update(tx, changed, self._clock())
        if changed.address is not None:
            async with self._db.begin() as tx:
                await twins.note(tx, [(changed.app_id, device.uid)])
        return pb.UpdateDeviceResponse(device=wire.show(device))

    async def DeleteDevice(
        self, request: pb.DeleteDeviceRequest, _context: Context
    ) -> pb.DeleteDeviceResponse:
        app_id = parse_app_id(request.app_id)
        device_id = wire.parse_device_id(request.device_id)
        async with self._db.begin() as tx:
            uid = await devices.delete(tx, app_id, device_id, self._clock())
        log.info("device.deleted", app_id=str(app_id), uid=uid)
        return pb.DeleteDeviceResponse()

    async def ListDevices(
        self, request: pb.ListDevicesRequest, _context: Context
    ) -> pb.ListDevicesResponse:
        query = wire.parse_query(request)
        size = paging.read_size(request.page_size)
        skip = paging.read_skip(request.skip)
        position = paging.read_token(request.page_token, _fingerprint(query), tuple[int])
        async with self._reads.connect() as tx:
            await applications.find(tx, query.app_id)
            page = await devices.page(
                tx, query, after_uid=position[0] if position else 0, skip=skip, size=size + 1
            )
        shown = _fitting(page.devices[:size])
        has_more = len(shown) < len(page.devices)
        return pb.ListDevicesResponse(
            devices=shown,
            next_page_token=(
                paging.write_token(_fingerprint(query), [shown[-1].uid]) if has_more else ""
            ),
            total_size=page.total,
        )

    async def IdentifyDevices(
        self, request: pb.IdentifyDevicesRequest, _context: Context
    ) -> pb.IdentifyDevicesResponse:
        app_id, question = wire.parse_question(request)
        async with self._reads.connect() as tx:
            found = await _identify(tx, app_id, question)
        return pb.IdentifyDevicesResponse(devices=[wire.show_identity(one) for one in found])

    async def ReportAddresses(
        self, request: pb.ReportAddressesRequest, _context: Context
    ) -> pb.ReportAddressesResponse:
        reports = wire.parse_reports(request)
        async with self._db.begin() as tx:
            settled = await findings.settle(tx, reports)
        log.info(
            "addresses.reported",
            reported=len(reports),
            buried=settled.buried,
            quarantined=settled.quarantined,
        )
        return pb.ReportAddressesResponse(
            buried_count=settled.buried, quarantined_count=settled.quarantined
        )

    async def CountQuarantined(
        self, request: pb.CountQuarantinedRequest, _context: Context
    ) -> pb.CountQuarantinedResponse:
        app_id = parse_app_id(request.app_id)
        async with self._reads.connect() as tx:
            await applications.find(tx, app_id)
            count = await findings.count_quarantined(tx, app_id)
        return pb.CountQuarantinedResponse(count=count)

    async def RestoreDevices(
        self, request: pb.RestoreDevicesRequest, _context: Context
    ) -> pb.RestoreDevicesResponse:
        app_id, device_ids = wire.parse_restored(request)
        async with self._db.begin() as tx:
            await applications.find(tx, app_id)
            restored = await findings.restore(tx, app_id, device_ids)
        log.info("devices.restored", app_id=str(app_id), restored=len(restored))
        return pb.RestoreDevicesResponse(restored_count=len(restored))


async def _identify(tx: AsyncConnection, app_id: UUID, question: Question) -> list[DeviceIdentity]:
    match question:
        case ByUids(uids):
            return await identities.by_uids(tx, app_id, uids)
        case ByDeviceIds(names):
            return await identities.by_device_ids(tx, app_id, names)
        case ByUser(user_id):
            return await identities.by_user(tx, app_id, user_id)


def _fingerprint(query: DeviceQuery) -> tuple[Any, ...]:
    return query.app_id, query.platforms, query.user_id


def _fitting(found: list[Device]) -> list[device_pb2.Device]:
    """As many of these as one message can carry."""
    shown: list[device_pb2.Device] = []
    size = 0
    for device in found:
        if size > MAX_PAGE_BYTES:
            break
        shown.append(wire.show(device))
        size += shown[-1].ByteSize()
    return shown
