"""Applications: the operator's part of the API."""

from typing import Any

import msgspec
from starlette.responses import Response

from carillon.registry.v1 import application_service_pb2 as pb
from carillon.registry.v1.application_pb2 import Application
from services.edge import problems
from services.edge.access import Access
from services.edge.admission import Admission, read_app_id
from services.edge.answers import answer, no_content
from services.edge.door import APP, ROOT, Call, Door
from services.edge.links import Links
from services.edge.pages import Pager, read_page
from services.edge.problems import Problem
from services.edge.rooms import Rooms
from services.edge.routes.api_keys import ROLE_NAMES
from services.edge.routing import Route
from services.edge.times import write_time

PLAN = "SELF_HOSTED"


class AppBody(msgspec.Struct, rename="camel"):
    application_id: str | None = None
    name: str | None = None
    enabled: bool | None = None
    old_style: bool | None = None
    clients_list_devices: bool | None = None


class Apps:
    def __init__(self, rooms: Rooms, links: Links, admission: Admission) -> None:
        self._rooms = rooms
        self._links = links
        self._pager = Pager(links)
        self._admission = admission

    def routes(self, door: Door) -> list[Route]:
        operator = Access.OPERATOR
        return [
            door.route(ROOT + "/apps", POST=(operator, self._create), GET=(operator, self._list)),
            door.route(
                APP,
                GET=(operator, self._read),
                PUT=(operator, self._update),
                DELETE=(operator, self._delete),
            ),
            door.route(APP + "/status", GET=(operator, self._read_status)),
        ]

    async def _create(self, call: Call) -> Response:
        body = await call.read(AppBody)
        request = pb.CreateApplicationRequest(
            app_id=_read_wanted_id(body),
            display_name=body.name or "",
            enabled=body.enabled,
            old_style=bool(body.old_style),
        )
        created = await self._rooms.applications.CreateApplication(
            request, timeout=self._rooms.timeout
        )
        self._admission.forget(created.application.app_id)
        return answer(self._render_credentials(created), status=201)

    def _render_credentials(self, created: pb.CreateApplicationResponse) -> dict[str, str]:
        """The document that SDKs read from their environment; the secrets are shown this once.

        Some look for `apikey`, others for `apiKey`. The `iam_` members have the form that readers
        of such documents expect, and name nothing outside of this installation.
        """
        app_id, key = created.application.app_id, created.api_key
        return {
            "url": self._links.app(app_id),
            "admin_url": self._links.console(app_id),
            "appGuid": app_id,
            "appSecret": created.app_secret,
            "clientSecret": created.client_secret,
            "apikey": created.api_key_secret,
            "apiKey": created.api_key_secret,
            "iam_apikey_name": key.display_name,
            "iam_apikey_description": f"API key {key.key_id} of the application {app_id}",
            "iam_role_crn": f"crn:v1:carillon:public:iam::::serviceRole:{ROLE_NAMES[key.role]}",
            "iam_serviceid_crn": f"crn:v1:carillon:public:iam::::serviceid:{app_id}",
            "plan": PLAN,
        }

    async def _list(self, call: Call) -> Response:
        page = read_page(call.request)
        if page.offset:
            raise Problem(
                400,
                problems.OFFSET_INVALID,
                "The parameter 'offset' must be 0 in this list; follow pageInfo.next.",
            )
        listed = await self._rooms.applications.ListApplications(
            pb.ListApplicationsRequest(page_size=page.size, page_token=page.cursor),
            timeout=self._rooms.timeout,
        )
        found = listed.applications
        token = listed.next_page_token
        neighbours: dict[str, object] = {"count": len(found)}
        if token:
            neighbours["next"] = self._links.page(call.request, offset="", cursor=token)
        return answer({"apps": [self._render(app) for app in found], "pageInfo": neighbours})

    async def _read(self, call: Call) -> Response:
        return answer(self._render(await self._get(call)))

    async def _read_status(self, call: Call) -> Response:
        return answer({"enabled": (await self._get(call)).enabled})

    async def _get(self, call: Call) -> Application:
        read = await self._rooms.applications.GetApplication(
            pb.GetApplicationRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        return read.application

    async def _update(self, call: Call) -> Response:
        body = await call.read(AppBody)
        if body.application_id and _read_wanted_id(body) != call.app_id:
            raise problems.invalid("applicationId", "cannot be changed")
        if body.old_style is not None:
            raise problems.invalid("oldStyle", "cannot be changed")
        request = pb.UpdateApplicationRequest(application=Application(app_id=call.app_id))
        for field, value in (
            ("display_name", body.name),
            ("enabled", body.enabled),
            ("clients_list_devices", body.clients_list_devices),
        ):
            if value is not None:
                setattr(request.application, field, value)
                request.update_mask.paths.append(field)
        if not request.update_mask.paths:
            raise problems.invalid("enabled", "is required, or 'name' or 'clientsListDevices'")
        updated = await self._rooms.applications.UpdateApplication(
            request, timeout=self._rooms.timeout
        )
        self._admission.forget(call.app_id)
        return answer(self._render(updated.application))

    async def _delete(self, call: Call) -> Response:
        await self._rooms.applications.DeleteApplication(
            pb.DeleteApplicationRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        self._admission.forget(call.app_id)
        return no_content()

    def _render(self, app: Application) -> dict[str, Any]:
        return {
            "applicationId": app.app_id,
            "name": app.display_name,
            "enabled": app.enabled,
            "oldStyle": app.old_style,
            "verifyClientSecret": app.verify_client_secret,
            "clientsListDevices": app.clients_list_devices,
            "createdTime": write_time(app.create_time),
            "lastUpdatedTime": write_time(app.update_time),
            "href": self._links.app(app.app_id),
        }


def _read_wanted_id(body: AppBody) -> str:
    if not body.application_id:
        return ""
    try:
        return read_app_id(body.application_id)
    except Problem:
        raise problems.invalid("applicationId", "must be a GUID") from None
