"""What the gateways ask of an application, and what of it clients may read."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import msgspec
import structlog
from starlette.responses import Response

from carillon.dispatch.v1.credential_service_pb2 import VerifyCredentialRequest
from carillon.registry.v1 import gateway_service_pb2 as pb
from carillon.registry.v1.gateway_pb2 import (
    GatewayConfiguration,
    GatewayKind,
    GatewayState,
    WebPushSettings,
)
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door, Handler
from services.edge.links import Links
from services.edge.rooms import Rooms
from services.edge.routes.apns import read_apns, read_safari, render_apns, render_safari
from services.edge.routes.fcm import read_extension, read_fcm, render_fcm
from services.edge.routing import Route
from services.kit.client import read_fault

log = structlog.get_logger()

# A gateway may be asked twice, and take its time.
VERIFY_SECONDS = 9.0


class WebBody(msgspec.Struct, rename="camel"):
    api_key: str | None = None
    web_site_url: str | None = None


async def _read_chrome(call: Call) -> GatewayConfiguration:
    body = await call.read(WebBody)
    if body.api_key is None:
        raise problems.required("apiKey")
    return _to_web(body)


async def _read_firefox(call: Call) -> GatewayConfiguration:
    return _to_web(await call.read(WebBody))


def _to_web(body: WebBody) -> GatewayConfiguration:
    if not body.web_site_url:
        raise problems.required("webSiteUrl")
    return GatewayConfiguration(
        web_push=WebPushSettings(web_site_url=body.web_site_url, api_key=body.api_key or "")
    )


def _render_chrome(configuration: GatewayConfiguration) -> dict[str, Any]:
    return {
        "apiKey": configuration.web_push.api_key,
        "webSiteUrl": configuration.web_push.web_site_url,
    }


def _render_firefox(configuration: GatewayConfiguration) -> dict[str, Any]:
    return {"webSiteUrl": configuration.web_push.web_site_url}


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of configuration looks in the REST API."""

    kind: "GatewayKind.ValueType"
    read: Callable[[Call], Any]
    render: Callable[[GatewayConfiguration], dict[str, Any]]


FORMS = {
    "apnsConf": Form(GatewayKind.GATEWAY_KIND_APNS, read_apns, render_apns),
    "gcmConf": Form(GatewayKind.GATEWAY_KIND_FCM, read_fcm, render_fcm),
    "chromeWebConf": Form(GatewayKind.GATEWAY_KIND_WEB_CHROME, _read_chrome, _render_chrome),
    "firefoxWebConf": Form(GatewayKind.GATEWAY_KIND_WEB_FIREFOX, _read_firefox, _render_firefox),
    "safariWebConf": Form(GatewayKind.GATEWAY_KIND_WEB_SAFARI, read_safari, render_safari),
    "chromeAppExtConf": Form(GatewayKind.GATEWAY_KIND_APPEXT_CHROME, read_extension, render_fcm),
}
FORM_NAMES = {form.kind: name for name, form in FORMS.items()}
# What clients may read: the sender id alone.
PUBLIC = {
    "gcmConf": GatewayKind.GATEWAY_KIND_FCM,
    "chromeAppExtConf": GatewayKind.GATEWAY_KIND_APPEXT_CHROME,
}
WARN_BEFORE = timedelta(days=30)


def _render(form: Form, configuration: GatewayConfiguration) -> dict[str, Any]:
    """The members that the API always had, and what is known of the credential."""
    shown = form.render(configuration)
    shown["state"] = GatewayState.Name(configuration.state).removeprefix("GATEWAY_STATE_")
    if configuration.state_reason:
        shown["stateReason"] = configuration.state_reason
    warning = _warn(configuration, datetime.now(UTC))
    if warning:
        shown["warning"] = warning
    return shown


def _warn(configuration: GatewayConfiguration, now: datetime) -> str:
    if configuration.state == GatewayState.GATEWAY_STATE_INCOMPLETE:
        return "Nothing is delivered until a 'serviceAccount' is set: legacy keys are switched off."
    if configuration.state == GatewayState.GATEWAY_STATE_MISCONFIGURED:
        return "The gateway refuses this configuration; messages wait until it is mended."
    if not configuration.HasField("expire_time"):
        return ""
    expires = configuration.expire_time.ToDatetime(UTC)
    if expires <= now:
        return "The certificate has expired; nothing is delivered until it is replaced."
    if expires - now <= WARN_BEFORE:
        return f"The certificate expires in {(expires - now).days} days; replace it."
    return ""


class Settings:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links

    def routes(self, door: Door) -> list[Route]:
        path = APP + "/settings"
        return [
            door.route(path, GET=(Access.READ, self._list)),
            *(
                door.route(f"{path}/{name}Public", GET=(Access.CLIENT_READ, self._reader(kind)))
                for name, kind in PUBLIC.items()
            ),
            door.route(path + "/webpushServerKey", GET=(Access.CLIENT_READ, self._read_server_key)),
            *(self._route(door, f"{path}/{name}", form) for name, form in FORMS.items()),
        ]

    def _route(self, door: Door, path: str, form: Form) -> Route:
        async def read(call: Call) -> Response:
            return answer(_render(form, await self._get(call, form.kind)))

        async def put(call: Call) -> Response:
            return await self._put(call, form)

        async def delete(call: Call) -> Response:
            request = pb.DeleteGatewayConfigurationRequest(app_id=call.app_id, kind=form.kind)
            await self._rooms.gateways.DeleteGatewayConfiguration(
                request, timeout=self._rooms.timeout
            )
            return no_content()

        return door.route(
            path, GET=(Access.READ, read), PUT=(Access.MANAGE, put), DELETE=(Access.MANAGE, delete)
        )

    async def _list(self, call: Call) -> Response:
        """The URL of each configuration that was set."""
        listed = await self._rooms.gateways.ListGatewayConfigurations(
            pb.ListGatewayConfigurationsRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        kinds = {configuration.kind for configuration in listed.configurations}
        return answer(
            {
                name: self._links.app(call.app_id, "settings", name)
                for kind, name in FORM_NAMES.items()
                if kind in kinds
            }
        )

    async def _put(self, call: Call, form: Form) -> Response:
        configuration = await form.read(call)
        configuration.kind = form.kind
        await self._verify(call, configuration)
        request = pb.PutGatewayConfigurationRequest(app_id=call.app_id, configuration=configuration)
        stored = await self._rooms.gateways.PutGatewayConfiguration(
            request, timeout=self._rooms.timeout
        )
        return answer(_render(form, stored.configuration))

    async def _verify(self, call: Call, configuration: GatewayConfiguration) -> None:
        """Note in it what its gateway says. A gateway that does not answer is no reason to refuse.

        Raises:
            AioRpcError: if registry or the gateway refuses it.
        """
        checked = await self._rooms.gateways.CheckGatewayConfiguration(
            pb.CheckGatewayConfigurationRequest(app_id=call.app_id, configuration=configuration),
            timeout=self._rooms.timeout,
        )
        if checked.configuration.state != GatewayState.GATEWAY_STATE_UNVERIFIED:
            return
        try:
            verdict = await self._rooms.credentials.VerifyCredential(
                VerifyCredentialRequest(configuration=checked.configuration),
                timeout=VERIFY_SECONDS,
            )
        except grpc.aio.AioRpcError as error:
            if read_fault(error).reason == "FIELD_INVALID":
                raise
            log.warning("credential.untried", code=error.code().name)
            return
        configuration.state_reason = verdict.reason
        if verdict.verified:
            configuration.state = GatewayState.GATEWAY_STATE_VERIFIED

    async def _get(self, call: Call, kind: "GatewayKind.ValueType") -> GatewayConfiguration:
        read = await self._rooms.gateways.GetGatewayConfiguration(
            pb.GetGatewayConfigurationRequest(app_id=call.app_id, kind=kind),
            timeout=self._rooms.timeout,
        )
        return read.configuration

    def _reader(self, kind: "GatewayKind.ValueType") -> Handler:
        async def read_sender(call: Call) -> Response:
            configuration = await self._get(call, kind)
            return answer({"senderId": configuration.fcm.sender_id})

        return read_sender

    async def _read_server_key(self, call: Call) -> Response:
        read = await self._rooms.gateways.GetVapidPublicKey(
            pb.GetVapidPublicKeyRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        key = base64.urlsafe_b64encode(read.public_key).rstrip(b"=").decode()
        return answer({"webpushServerKey": key})
