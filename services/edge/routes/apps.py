"""Applications: the operator's part of the API."""

from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

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
from services.edge.times import write_time

PLAN = "SELF_HOSTED"


class AppBody(msgspec.Struct, rename="camel"):
    application_id: str | None = None
    name: str | None = None
    enabled: bool | None = None


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
            app_id=_read_wanted_id(body), display_name=body.name or "", enabled=body.enabled
        )
        created = await self._rooms.applications.CreateApplication(
            request, timeout=self._rooms.timeout
        )
        app_id = created.application.app_id
        return answer(
            {
                "url": self._links.app(app_id),
                "admin_url": self._links.console(app_id),
                "appSecret": created.app_secret,
                "clientSecret": created.client_secret,
                "appGuid": app_id,
                "plan": PLAN,
            },
            status=201,
        )

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
        request = pb.UpdateApplicationRequest(application=Application(app_id=call.app_id))
        if body.name is not None:
            request.application.display_name = body.name
            request.update_mask.paths.append("display_name")
        if body.enabled is not None:
            request.application.enabled = body.enabled
            request.update_mask.paths.append("enabled")
        if not request.update_mask.paths:
            raise problems.invalid("enabled", "is required, or 'name'")
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
