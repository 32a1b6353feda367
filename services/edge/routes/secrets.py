"""The application's two secrets: how they are changed, and whether clients must show theirs."""

import msgspec
from starlette.responses import Response

from carillon.registry.v1 import access_service_pb2 as pb
from carillon.registry.v1 import application_service_pb2 as app_pb
from carillon.registry.v1.access_pb2 import SecretKind
from carillon.registry.v1.application_pb2 import Application
from services.edge import bodies, problems
from services.edge.access import Access
from services.edge.admission import Admission
from services.edge.answers import answer
from services.edge.door import APP, Call, Door
from services.edge.rooms import Rooms
from services.edge.routing import Route
from services.edge.times import write_time

KINDS: dict[str, "SecretKind.ValueType"] = {
    "appSecret": SecretKind.SECRET_KIND_APP,
    "clientSecret": SecretKind.SECRET_KIND_CLIENT,
}
MAX_OVERLAP_SECONDS = 90 * 86_400


class RotationBody(msgspec.Struct, rename="camel"):
    overlap_seconds: int | None = None


class VerificationBody(msgspec.Struct, rename="camel"):
    verify_client_secret: bool | None = None


class Secrets:
    def __init__(self, rooms: Rooms, admission: Admission) -> None:
        self._rooms = rooms
        self._admission = admission

    def routes(self, door: Door) -> list[Route]:
        return [
            door.route(APP + "/secrets/{name}", POST=(Access.SECRETS, self._rotate)),
            door.route(
                APP + "/settings/verifyClientSecret",
                GET=(Access.READ, self._read_verification),
                PUT=(Access.API_KEYS, self._put_verification),
            ),
        ]

    async def _rotate(self, call: Call) -> Response:
        """Another secret; the one before it stays valid for a day, or as long as the body says."""
        name = call.name("name")
        if name not in KINDS:
            raise problems.missing("Secret", "name", name)
        request = pb.RotateSecretRequest(app_id=call.app_id, kind=KINDS[name])
        overlap = await _read_overlap(call)
        if overlap is not None:
            request.overlap.FromSeconds(overlap)
        rotated = await self._rooms.access.RotateSecret(request, timeout=self._rooms.timeout)
        self._admission.forget(call.app_id)
        ends = write_time(rotated.overlap_end_time)
        return answer({name: rotated.secret, "previousValidUntil": ends}, status=201)

    async def _read_verification(self, call: Call) -> Response:
        application = await self._get(call)
        return answer({"verifyClientSecret": application.verify_client_secret})

    async def _put_verification(self, call: Call) -> Response:
        """Of an old-style application its own side may change it, of others an operator alone."""
        body = await call.read(VerificationBody)
        if body.verify_client_secret is None:
            raise problems.required("verifyClientSecret")
        if not (await self._get(call)).old_style:
            call.demand(Access.OPERATOR)
        request = app_pb.UpdateApplicationRequest(
            application=Application(
                app_id=call.app_id, verify_client_secret=body.verify_client_secret
            )
        )
        request.update_mask.paths.append("verify_client_secret")
        await self._rooms.applications.UpdateApplication(request, timeout=self._rooms.timeout)
        self._admission.forget(call.app_id)
        return answer({"verifyClientSecret": body.verify_client_secret})

    async def _get(self, call: Call) -> Application:
        read = await self._rooms.applications.GetApplication(
            app_pb.GetApplicationRequest(app_id=call.app_id), timeout=self._rooms.timeout
        )
        return read.application


async def _read_overlap(call: Call) -> int | None:
    """No body asks for the default."""
    content = await call.read_json()
    if not content.strip():
        return None
    seconds = bodies.convert(bodies.decode(content), RotationBody).overlap_seconds
    if seconds is not None and not 0 <= seconds <= MAX_OVERLAP_SECONDS:
        raise problems.invalid(
            "overlapSeconds", f"must be 0 to {MAX_OVERLAP_SECONDS}, not {seconds}"
        )
    return seconds
