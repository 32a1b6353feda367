"""Registry in memory."""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from carillon.registry.v1 import access_service_pb2_grpc as access_rpc
from carillon.registry.v1 import application_service_pb2 as app_pb
from carillon.registry.v1 import application_service_pb2_grpc as app_rpc
from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1 import device_service_pb2_grpc as rpc
from carillon.registry.v1 import gateway_service_pb2_grpc as gateway_rpc
from carillon.registry.v1 import website_service_pb2_grpc as website_rpc
from carillon.registry.v1.access_pb2 import ApiKey, CallerRole
from carillon.registry.v1.application_pb2 import Application
from carillon.registry.v1.device_pb2 import Device, DeviceState
from carillon.registry.v1.error_reason_pb2 import ErrorReason
from carillon.registry.v1.gateway_pb2 import GatewayConfiguration
from services.kit.faults import Code, Fault, FieldInvalid
from tests.edge.rooms.access import AccessRules
from tests.edge.rooms.gateways import Gateways
from tests.edge.rooms.rules import Mood, check_text, cut_page, fault, noon, turn_page
from tests.edge.rooms.websites import Websites

application_not_found = fault(Code.NOT_FOUND, "APPLICATION_NOT_FOUND")
application_exists = fault(Code.ALREADY_EXISTS, "APPLICATION_EXISTS")
device_not_found = fault(Code.NOT_FOUND, "DEVICE_NOT_FOUND")

ENTRY_REASONS = {"FIELD_INVALID", "APPLICATION_NOT_FOUND", "DEVICE_NOT_FOUND"}
CHANGEABLE = {
    "display_name",
    "enabled",
    "verify_client_secret",
    "clients_list_devices",
    "web_sites_only",
}


@dataclass
class Tenant:
    application: Application
    app_secret: str
    client_secret: str
    keys: dict[str, tuple[ApiKey, str]] = field(default_factory=dict)
    version: int = 1
    devices: dict[str, Device] = field(default_factory=dict)
    gateways: dict[int, GatewayConfiguration] = field(default_factory=dict)

    def add_key(self, name: str, role: "CallerRole.ValueType") -> tuple[ApiKey, str]:
        key_id = f"key-{len(self.keys)}-{self.version}"
        key = ApiKey(key_id=key_id, display_name=name, role=role, create_time=noon())
        secret = f"{self.application.app_id}.{key_id}.secret"
        self.keys[key_id] = (key, secret)
        self.version += 1
        return key, secret


class Registry(Mood):
    """What the servicers share."""

    def __init__(self) -> None:
        super().__init__()
        self.tenants: dict[str, Tenant] = {}
        self.uids = 0
        self.websites = Websites(self)

    def tenant(self, app_id: str) -> Tenant:
        if app_id not in self.tenants:
            raise application_not_found(app_id=app_id)
        return self.tenants[app_id]

    def device(self, app_id: str, device_id: str) -> Device:
        devices = self.tenant(app_id).devices
        if device_id not in devices:
            raise device_not_found(device_id=device_id)
        return devices[device_id]

    def add_to(self, server: Any) -> None:
        app_rpc.add_ApplicationServiceServicer_to_server(Applications(self), server)
        access_rpc.add_AccessServiceServicer_to_server(AccessRules(self), server)
        rpc.add_DeviceServiceServicer_to_server(Devices(self), server)
        gateway_rpc.add_GatewayServiceServicer_to_server(Gateways(self), server)
        website_rpc.add_WebsiteServiceServicer_to_server(self.websites, server)


class Applications(app_rpc.ApplicationServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def CreateApplication(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("CreateApplication")
        check_text("display_name", request.display_name, 254, least=0)
        app_id = request.app_id or str(uuid.uuid4())
        if app_id in self._registry.tenants:
            raise application_exists(app_id=app_id)
        application = Application(
            app_id=app_id,
            display_name=request.display_name,
            enabled=request.enabled if request.HasField("enabled") else True,
            create_time=noon(),
            update_time=noon(),
            old_style=request.old_style,
            verify_client_secret=not request.old_style,
        )
        tenant = Tenant(application, f"app-{app_id}", f"client-{app_id}")
        self._registry.tenants[app_id] = tenant
        key, secret = tenant.add_key("first", CallerRole.CALLER_ROLE_MANAGER)
        return app_pb.CreateApplicationResponse(
            application=application,
            app_secret=tenant.app_secret,
            client_secret=tenant.client_secret,
            api_key=key,
            api_key_secret=secret,
        )

    async def GetApplication(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("GetApplication")
        tenant = self._registry.tenant(request.app_id)
        return app_pb.GetApplicationResponse(application=tenant.application)

    async def ListApplications(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("ListApplications")
        tenants = [self._registry.tenants[key] for key in sorted(self._registry.tenants)]
        page, token = cut_page(request, tenants, ["apps"])
        return app_pb.ListApplicationsResponse(
            applications=[tenant.application for tenant in page], next_page_token=token
        )

    async def UpdateApplication(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("UpdateApplication")
        tenant = self._registry.tenant(request.application.app_id)
        application = tenant.application
        check_text("application.display_name", request.application.display_name, 254, least=0)
        for path in request.update_mask.paths:
            if path not in CHANGEABLE:
                raise FieldInvalid("update_mask", "names what cannot be changed")
            setattr(application, path, getattr(request.application, path))
        tenant.version += 1
        return app_pb.UpdateApplicationResponse(application=application)

    async def DeleteApplication(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("DeleteApplication")
        self._registry.tenant(request.app_id)
        del self._registry.tenants[request.app_id]
        return app_pb.DeleteApplicationResponse()


class Devices(rpc.DeviceServiceServicer):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def RegisterDevice(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("RegisterDevice")
        devices = self._registry.tenant(request.app_id).devices
        _check_device(request.device)
        if not request.device.platform:
            raise FieldInvalid("device.platform", "must be known")
        known = devices.get(request.device.device_id)
        device = Device()
        device.CopyFrom(request.device)
        if known and known.platform == device.platform:
            device.uid = known.uid
            if not device.variables:
                device.variables.update(known.variables)
        else:
            self._registry.uids += 1
            device.uid = self._registry.uids
        device.state = DeviceState.DEVICE_STATE_ACTIVE
        for name in ("address_time", "create_time", "update_time"):
            getattr(device, name).CopyFrom(noon())
        devices[device.device_id] = device
        return pb.RegisterDeviceResponse(device=device)

    async def GetDevice(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("GetDevice")
        device = self._registry.device(request.app_id, request.device_id)
        return pb.GetDeviceResponse(device=device)

    async def BatchRegisterDevices(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("BatchRegisterDevices")
        verdicts = [await _judge(self.RegisterDevice, each) for each in request.registrations]
        return pb.BatchRegisterDevicesResponse(verdicts=verdicts)

    async def BatchFindDevices(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("BatchFindDevices")
        verdicts = [await _judge(self.GetDevice, each) for each in request.questions]
        return pb.BatchFindDevicesResponse(verdicts=verdicts)

    async def UpdateDevice(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("UpdateDevice")
        device = self._registry.device(request.app_id, request.device.device_id)
        if device.state != DeviceState.DEVICE_STATE_ACTIVE:
            raise device_not_found(device_id=request.device.device_id)
        _check_device(request.device, partial=True)
        for path in request.update_mask.paths:
            match path:
                case "variables":
                    device.variables.clear()
                    device.variables.update(request.device.variables)
                case "platform":
                    if request.device.platform != device.platform:
                        raise FieldInvalid("device.platform", "cannot be changed")
                case "address" | "user_id":
                    setattr(device, path, getattr(request.device, path))
                case _:
                    raise FieldInvalid("update_mask", "names what cannot be changed")
        return pb.UpdateDeviceResponse(device=device)

    async def DeleteDevice(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("DeleteDevice")
        self._registry.device(request.app_id, request.device_id)
        del self._registry.tenants[request.app_id].devices[request.device_id]
        return pb.DeleteDeviceResponse()

    async def ListDevices(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("ListDevices")
        found = [
            device
            for device in self._registry.tenant(request.app_id).devices.values()
            if device.state != DeviceState.DEVICE_STATE_DEAD
            and (not request.platforms or device.platform in request.platforms)
            and (not request.HasField("user_id") or device.user_id == request.user_id)
        ]
        query = [request.app_id, list(request.platforms), request.user_id]
        page = turn_page(request, found, query)
        return pb.ListDevicesResponse(
            devices=page.items,
            next_page_token=page.next_token,
            previous_page_token=page.previous_token,
            total_size=None if request.HasField("user_id") else len(found),
        )

    async def BatchGetDevices(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("BatchGetDevices")
        if not 1 <= len(request.uids) <= 200:
            raise FieldInvalid("uids", "must hold 1 to 200 entries")
        found = {
            device.uid: device
            for device in self._registry.tenant(request.app_id).devices.values()
            if device.state != DeviceState.DEVICE_STATE_DEAD
        }
        known = [found[uid] for uid in sorted(request.uids) if uid in found]
        return pb.BatchGetDevicesResponse(devices=known)

    async def GetDeviceReport(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("GetDeviceReport")
        devices = self._registry.tenant(request.app_id).devices.values()
        counted = Counter(device.platform for device in devices)
        answer = pb.GetDeviceReportResponse(device_count=len(devices))
        for platform, count in counted.items():
            date = noon().ToDatetime().date().isoformat()
            answer.registrations.add(date=date, platform=platform, count=count)
        return answer

    async def IdentifyDevices(self, request: Any, _context: Any) -> Any:
        raise NotImplementedError  # the edge never asks

    async def ReportAddresses(self, request: Any, _context: Any) -> Any:
        raise NotImplementedError  # the edge never asks

    async def CountQuarantined(self, request: Any, _context: Any) -> Any:
        return pb.CountQuarantinedResponse(count=len(self._quarantined(request.app_id)))

    async def RestoreDevices(self, request: Any, _context: Any) -> Any:
        for device_id in request.device_ids:
            check_text("device_ids", device_id, 254)
        wanted = [
            device
            for device in self._quarantined(request.app_id)
            if not request.device_ids or device.device_id in request.device_ids
        ]
        for device in wanted:
            device.state = DeviceState.DEVICE_STATE_ACTIVE
        return pb.RestoreDevicesResponse(restored_count=len(wanted))

    def _quarantined(self, app_id: str) -> list[Device]:
        devices = self._registry.tenant(app_id).devices.values()
        return [d for d in devices if d.state == DeviceState.DEVICE_STATE_QUARANTINED]


async def _judge(serve: Any, request: Any) -> pb.DeviceVerdict:
    """One entry of a batch: refused for itself where it is at fault."""
    try:
        answer = await serve(request, None)
    except Fault as refused:
        if refused.reason not in ENTRY_REASONS:
            raise
        [(field_name, description)] = refused.violations or [("", "")]
        return pb.DeviceVerdict(
            refused=ErrorReason.Value(f"ERROR_REASON_{refused.reason}"),
            field=field_name,
            description=description,
        )
    device = Device()
    device.CopyFrom(answer.device)
    device.ClearField("variables")
    return pb.DeviceVerdict(device=device)


def _check_device(device: Device, *, partial: bool = False) -> None:
    check_text("device.device_id", device.device_id, 254)
    check_text("device.user_id", device.user_id, 254, least=0)
    check_text("device.user_agent", device.user_agent, 512, least=0)
    if len(device.address.encode()) > 4096 or not (device.address or partial):
        raise FieldInvalid("device.address", "must be 1 to 4096 bytes")
    if len(device.variables) > 50:
        raise FieldInvalid("device.variables", f"must be at most 50, not {len(device.variables)}")
    for name, text in device.variables.items():
        check_text("device.variables", name, 64)
        check_text(f"device.variables.{name}", text, 1024, least=0)
