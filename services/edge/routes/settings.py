"""What the gateways ask of an application, and what of it clients may read."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from carillon.registry.v1 import gateway_service_pb2 as pb
from carillon.registry.v1.gateway_pb2 import (
    FcmSettings,
    GatewayConfiguration,
    GatewayKind,
    WebPushSettings,
)
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door
from services.edge.links import Links
from services.edge.rooms import Rooms
from services.edge.routes.apns import read_apns, render_apns


class FcmBody(msgspec.Struct, rename="camel"):
    api_key: str | None = None
    sender_id: str | None = None
    # The service account's JSON, as an object or as text.
    service_account: dict[str, Any] | str | None = None


class WebBody(msgspec.Struct, rename="camel"):
    api_key: str | None = None
    web_site_url: str | None = None


async def _read_fcm(call: Call) -> GatewayConfiguration:
    body = await call.read(FcmBody)
    account = body.service_account or ""
    if not body.sender_id:
        raise problems.required("senderId")
    if not account and not body.api_key:
        raise problems.invalid("serviceAccount", "is required, or 'apiKey'")
    if isinstance(account, dict):
        account = msgspec.json.encode(account).decode()
    return GatewayConfiguration(
        fcm=FcmSettings(
            sender_id=body.sender_id, api_key=body.api_key or "", service_account=account
        )
    )


def _render_fcm(configuration: GatewayConfiguration) -> dict[str, Any]:
    return {
        "apiKey": configuration.fcm.api_key,
        "senderId": configuration.fcm.sender_id,
    }


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
    "gcmConf": Form(GatewayKind.GATEWAY_KIND_FCM, _read_fcm, _render_fcm),
    "chromeWebConf": Form(GatewayKind.GATEWAY_KIND_WEB_CHROME, _read_chrome, _render_chrome),
    "firefoxWebConf": Form(GatewayKind.GATEWAY_KIND_WEB_FIREFOX, _read_firefox, _render_firefox),
}
FORM_NAMES = {form.kind: name for name, form in FORMS.items()}


class Settings:
    def __init__(self, rooms: Rooms, links: Links) -> None:
        self._rooms = rooms
        self._links = links

    def routes(self, door: Door) -> list[Route]:
        path = APP + "/settings"
        return [
            door.route(path, GET=(Access.READ, self._list)),
            door.route(path + "/gcmConfPublic", GET=(Access.CLIENT_READ, self._read_sender)),
            door.route(path + "/webpushServerKey", GET=(Access.CLIENT_READ, self._read_server_key)),
            *(self._route(door, f"{path}/{name}", form) for name, form in FORMS.items()),
        ]

    def _route(self, door: Door, path: str, form: Form) -> Route:
        async def read(call: Call) -> Response:
            return answer(form.render(await self._get(call, form.kind)))

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
        request = pb.PutGatewayConfigurationRequest(app_id=call.app_id, configuration=configuration)
        stored = await self._rooms.gateways.PutGatewayConfiguration(
            request, timeout=self._rooms.timeout
        )
        return answer(form.render(stored.configuration))

    async def _get(self, call: Call, kind: "GatewayKind.ValueType") -> GatewayConfiguration:
        read = await self._rooms.gateways.GetGatewayConfiguration(
            pb.GetGatewayConfigurationRequest(app_id=call.app_id, kind=kind),
            timeout=self._rooms.timeout,
        )
        return read.configuration

    async def _read_sender(self, call: Call) -> Response:
        configuration = await self._get(call, GatewayKind.GATEWAY_KIND_FCM)
        return answer({"senderId": configuration.fcm.sender_id})

    async def _read_server_key(self, call: Call) -> Response:
        read = await self._rooms.gateways.GetVapidPublicKey(
            pb.GetVapidPublicKeyRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        key = base64.urlsafe_b64encode(read.public_key).rstrip(b"=").decode()
        return answer({"webpushServerKey": key})
