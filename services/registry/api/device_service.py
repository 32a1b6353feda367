"""Keeps the book of devices."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
import structlog
from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1 import device_service_pb2_grpc as rpc
from services.kit import paging
from services.kit.faults import Fault
from services.registry.api.wire import device as wire
from services.registry.api.wire.application import parse_app_id
from services.registry.domain.device import (
    ByDeviceIds,
    ByUids,
    ByUser,
    DeviceIdentity,
    DeviceQuery,
    Question,
    digest_address,
)
from services.registry.finder import Finder
from services.registry.registrar import Registrar
from services.registry.store import applications, counts, devices, findings, identities, twins

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
        device = await self._finder.find(*wire.parse_lookup(request))
        return pb.GetDeviceResponse(device=wire.show(device))

    async def BatchRegisterDevices(
        self, request: pb.BatchRegisterDevicesRequest, _context: Context
    ) -> pb.BatchRegisterDevicesResponse:
        entries = wire.parse_registrations(request)
        sound = [entry for entry in entries if not isinstance(entry, Fault)]
        answers = iter(await self._registrar.register_all(sound))
        verdicts = [entry if isinstance(entry, Fault) else next(answers) for entry in entries]
        return pb.BatchRegisterDevicesResponse(verdicts=map(wire.show_verdict, verdicts))

    async def BatchFindDevices(
        self, request: pb.BatchFindDevicesRequest, _context: Context
    ) -> pb.BatchFindDevicesResponse:
        entries = wire.parse_lookups(request)
        sound = [entry for entry in entries if not isinstance(entry, Fault)]
        answers = iter(await self._finder.find_all(sound))
        verdicts = [entry if isinstance(entry, Fault) else next(answers) for entry in entries]
        return pb.BatchFindDevicesResponse(verdicts=map(wire.show_verdict, verdicts))

    async def UpdateDevice(
        self, request: pb.UpdateDeviceRequest, _context: Context
    ) -> pb.UpdateDeviceResponse:
        changed = wire.parse_update(request)
        async with self._db.begin() as tx:
            device = await devices.update(tx, changed, self._clock())
        if changed.address is not None:
            async with self._db.begin() as tx:
                digest = digest_address(changed.address)
                await twins.note(tx, [(changed.app_id, device.uid, digest)])
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
        window = paging.read_window(request, _fingerprint(query), tuple[paging.Number])
        async with self._reads.connect() as tx:
            await applications.find(tx, query.app_id)
            found = await devices.page(tx, query, window)
            # Only a user's devices would have to be counted one by one.
            total = None
            if query.user_id is None:
                total = await counts.listed(tx, query.app_id, query.platforms)
        shown = [wire.show(device) for device in found]
        fitting = replace(window, size=min(window.size, _count_fitting(shown) or window.size))
        page = paging.turn(fitting, _fingerprint(query), shown, lambda device: [device.uid])
        return pb.ListDevicesResponse(
            devices=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=total,
        )

    async def BatchGetDevices(
        self, request: pb.BatchGetDevicesRequest, _context: Context
    ) -> pb.BatchGetDevicesResponse:
        app_id, uids = parse_app_id(request.app_id), wire.parse_uids(request)
        async with self._reads.connect() as tx:
            found = await devices.behind(tx, app_id, uids)
        shown = [wire.show(structs.replace(device, variables={})) for device in found]
        return pb.BatchGetDevicesResponse(devices=shown)

    async def GetDeviceReport(
        self, request: pb.GetDeviceReportRequest, _context: Context
    ) -> pb.GetDeviceReportResponse:
        app_id, days = parse_app_id(request.app_id), wire.parse_days(request)
        first_day = self._clock().date() - timedelta(days=days - 1)
        async with self._reads.connect() as tx:
            await applications.find(tx, app_id)
            registered = await counts.registered(tx, app_id, first_day)
            listed = await counts.listed(tx, app_id)
        return pb.GetDeviceReportResponse(
            registrations=[wire.show_day_count(each) for each in registered], device_count=listed
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


def _count_fitting(shown: Sequence[device_pb2.Device]) -> int:
    """How many of these one message can carry."""
    size = 0
    for count, device in enumerate(shown, start=1):
        size += device.ByteSize()
        if size > MAX_PAGE_BYTES:
            return count
    return len(shown)
