"""Whether an application admits calls across origins from its own web sites only."""

import msgspec
from starlette.responses import Response

from carillon.registry.v1 import application_service_pb2 as pb
from carillon.registry.v1.application_pb2 import Application
from services.edge import problems
from services.edge.access import Access
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.origins import Origins
from services.edge.rooms import Rooms
from services.edge.routing import Route


class WebSitesBody(msgspec.Struct, rename="camel"):
    web_sites_only: bool | None = None


class WebSites:
    def __init__(self, rooms: Rooms, origins: Origins) -> None:
        self._rooms = rooms
        self._origins = origins

    def routes(self, door: Door) -> list[Route]:
        path = APP + "/settings/webSitesOnly"
        return [door.route(path, GET=(Access.READ, self._read), PUT=(Access.MANAGE, self._put))]

    async def _read(self, call: Call) -> Response:
        read = await self._rooms.applications.GetApplication(
            pb.GetApplicationRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        return answer({"webSitesOnly": read.application.web_sites_only})

    async def _put(self, call: Call) -> Response:
        body = await call.read(WebSitesBody)
        if body.web_sites_only is None:
            raise problems.required("webSitesOnly")
        wanted = Application(app_id=call.app_id, web_sites_only=body.web_sites_only)
        request = pb.UpdateApplicationRequest(application=wanted)
        request.update_mask.paths.append("web_sites_only")
        await self._rooms.applications.UpdateApplication(request, timeout=self._rooms.timeout)
        self._origins.forget(call.app_id)
        return answer({"webSitesOnly": body.web_sites_only})
