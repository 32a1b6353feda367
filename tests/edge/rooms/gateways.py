"""Registry's gateway configurations, in memory."""

from datetime import timedelta
from typing import Any

from carillon.registry.v1 import gateway_service_pb2 as gateway_pb
from carillon.registry.v1 import gateway_service_pb2_grpc as gateway_rpc
from carillon.registry.v1.gateway_pb2 import GatewayConfiguration, GatewayState
from services.kit.faults import Code, FieldInvalid
from tests.edge.rooms.rules import fault, noon

gateway_not_configured = fault(Code.NOT_FOUND, "GATEWAY_NOT_CONFIGURED")

VAPID_POINT = b"\x04" + bytes(range(64))


class Gateways(gateway_rpc.GatewayServiceServicer):
    def __init__(self, registry: Any) -> None:
        self._registry = registry

    async def CheckGatewayConfiguration(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("CheckGatewayConfiguration")
        self._registry.tenant(request.app_id)
        configuration = _check_configuration(request.configuration)
        return gateway_pb.CheckGatewayConfigurationResponse(configuration=configuration)

    async def PutGatewayConfiguration(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("PutGatewayConfiguration")
        gateways = self._registry.tenant(request.app_id).gateways
        configuration = _check_configuration(request.configuration)
        configuration.version = 1
        gateways[configuration.kind] = configuration
        return gateway_pb.PutGatewayConfigurationResponse(configuration=_blank(configuration))

    async def ReportGatewayState(self, request: Any, _context: Any) -> Any:
        raise NotImplementedError  # the edge never tells

    async def GetGatewayConfiguration(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("GetGatewayConfiguration")
        configuration = self._find(request)
        return gateway_pb.GetGatewayConfigurationResponse(configuration=_blank(configuration))

    async def ListGatewayConfigurations(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("ListGatewayConfigurations")
        gateways = self._registry.tenant(request.app_id).gateways
        return gateway_pb.ListGatewayConfigurationsResponse(
            configurations=[_blank(gateways[kind]) for kind in sorted(gateways)]
        )

    async def DeleteGatewayConfiguration(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("DeleteGatewayConfiguration")
        self._find(request)
        del self._registry.tenants[request.app_id].gateways[request.kind]
        return gateway_pb.DeleteGatewayConfigurationResponse()

    async def GetVapidPublicKey(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("GetVapidPublicKey")
        self._registry.tenant(request.app_id)
        return gateway_pb.GetVapidPublicKeyResponse(public_key=VAPID_POINT)

    async def GetGatewayCredential(self, request: Any, _context: Any) -> Any:
        raise NotImplementedError  # the edge never asks

    def _find(self, request: Any) -> GatewayConfiguration:
        gateways: dict[int, GatewayConfiguration]
        gateways = self._registry.tenant(request.app_id).gateways
        if request.kind not in gateways:
            raise gateway_not_configured(kind=str(request.kind))
        return gateways[request.kind]


def _check_configuration(asked: GatewayConfiguration) -> GatewayConfiguration:
    """The rules in short; a .p12 is `p12:` with its password behind, and ends in a year."""
    configuration = GatewayConfiguration()
    configuration.CopyFrom(asked)
    if configuration.state != GatewayState.GATEWAY_STATE_VERIFIED:
        configuration.state = GatewayState.GATEWAY_STATE_UNVERIFIED
    match configuration.WhichOneof("settings"):
        case "apns":
            _check_apns(configuration)
        case "safari":
            _check_safari(configuration)
        case "web_push":
            if "://" not in configuration.web_push.web_site_url:
                raise FieldInvalid("configuration.web_push.web_site_url", "must be http(s)://host")
        case _:
            if not configuration.fcm.service_account:
                configuration.state = GatewayState.GATEWAY_STATE_INCOMPLETE
    return configuration


def _check_apns(configuration: GatewayConfiguration) -> None:
    if configuration.apns.pkcs12:
        _open_pkcs12(configuration, "apns")
    elif len(configuration.apns.key_id) != 10:
        raise FieldInvalid("configuration.apns.key_id", "must be 10 characters")


def _check_safari(configuration: GatewayConfiguration) -> None:
    _open_pkcs12(configuration, "safari")
    for name, icon in configuration.safari.icons.items():
        if not icon.startswith(b"\x89PNG"):
            raise FieldInvalid(f"configuration.safari.icons.{name}", "must be a PNG image")
    if not configuration.safari.website_push_id.startswith("web."):
        raise FieldInvalid("configuration.safari.website_push_id", "must begin with web.")


def _open_pkcs12(configuration: GatewayConfiguration, member: str) -> None:
    settings = getattr(configuration, member)
    if not settings.pkcs12.startswith(b"p12:"):
        raise FieldInvalid(f"configuration.{member}.pkcs12", "must be a .p12 file (PKCS#12)")
    if settings.pkcs12[4:] != settings.password.encode():
        raise FieldInvalid(f"configuration.{member}.password", "does not open the certificate")
    settings.ClearField("pkcs12")
    settings.ClearField("password")
    settings.private_key = "key"
    configuration.expire_time.FromDatetime(noon().ToDatetime() + timedelta(days=365))


def _blank(configuration: GatewayConfiguration) -> GatewayConfiguration:
    """Without the members that are input only."""
    shown = GatewayConfiguration()
    shown.CopyFrom(configuration)
    kind = shown.WhichOneof("settings")
    if kind == "apns":
        shown.apns.private_key = ""
    elif kind == "safari":
        shown.safari.private_key = ""
        shown.safari.icons.clear()
    elif kind == "fcm":
        shown.fcm.service_account = ""
    return shown
