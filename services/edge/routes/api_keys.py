"""API keys: what back ends exchange for tokens. Ours, where the original had a cloud's console."""

from typing import Any

import msgspec
from starlette.responses import Response

from carillon.registry.v1 import access_service_pb2 as pb
from carillon.registry.v1.access_pb2 import ApiKey, CallerRole
from services.edge import problems
from services.edge.access import Access
from services.edge.admission import Admission
from services.edge.answers import answer, no_content
from services.edge.door import APP, Call, Door
from services.edge.links import Links
from services.edge.rooms import Rooms
from services.edge.routing import Route
from services.edge.times import write_time

ROLE_NAMES: dict["CallerRole.ValueType", str] = {
    CallerRole.CALLER_ROLE_READER: "Reader",
    CallerRole.CALLER_ROLE_WRITER: "Writer",
    CallerRole.CALLER_ROLE_MANAGER: "Manager",
}
ROLES = {name.lower(): role for role, name in ROLE_NAMES.items()}


class ApiKeyBody(msgspec.Struct):
    role: str | None = None
    name: str | None = None


class ApiKeys:
    def __init__(self, rooms: Rooms, links: Links, admission: Admission) -> None:
        self._rooms = rooms
        self._links = links
        self._admission = admission

    def routes(self, door: Door) -> list[Route]:
        path = APP + "/apiKeys"
        return [
            door.route(
                path, POST=(Access.API_KEYS, self._create), GET=(Access.API_KEYS, self._list)
            ),
            door.route(path + "/{key_id}", DELETE=(Access.API_KEYS, self._revoke)),
        ]

    async def _create(self, call: Call) -> Response:
        """The key itself is shown this once, under both of the names that SDKs look for."""
        body = await call.read(ApiKeyBody)
        wanted = ApiKey(display_name=body.name or "", role=_read_role(body.role))
        created = await self._rooms.access.CreateApiKey(
            pb.CreateApiKeyRequest(app_id=call.app_id, api_key=wanted), timeout=self._rooms.timeout
        )
        shown = {"apikey": created.secret, "apiKey": created.secret}
        return answer(self._render(created.api_key, call.app_id) | shown, status=201)

    async def _list(self, call: Call) -> Response:
        """All of them: there are at most a hundred."""
        listed = await self._rooms.access.ListApiKeys(
            pb.ListApiKeysRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        keys = [self._render(key, call.app_id) for key in listed.api_keys]
        page = {"count": len(keys), "totalCount": len(keys)}
        return answer({"apiKeys": keys, "pageInfo": page})

    async def _revoke(self, call: Call) -> Response:
        await self._rooms.access.RevokeApiKey(
            pb.RevokeApiKeyRequest(app_id=call.app_id, key_id=call.name("key_id")),
            timeout=self._rooms.timeout,
        )
        self._admission.forget(call.app_id)
        return no_content()

    def _render(self, key: ApiKey, app_id: str) -> dict[str, Any]:
        return {
            "keyId": key.key_id,
            "name": key.display_name,
            "role": ROLE_NAMES.get(key.role, "UNKNOWN"),
            "createdTime": write_time(key.create_time),
            "href": self._links.app(app_id, "apiKeys", key.key_id),
        }


def _read_role(name: str | None) -> "CallerRole.ValueType":
    if not name:
        raise problems.required("role")
    role = ROLES.get(name.lower())
    if role is None:
        raise problems.invalid("role", f"must be Reader, Writer or Manager, not '{name}'")
    return role
