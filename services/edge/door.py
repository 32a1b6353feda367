"""What stands before every route: method, admission, and the turning of failures into answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

import grpc
import structlog
from opentelemetry import trace
from starlette.requests import Request
from starlette.responses import Response

from services.edge import bodies, problems
from services.edge.access import BACK_ENDS, Access, Caller
from services.edge.admission import Admission, read_app_id
from services.edge.names import to_rest_name
from services.edge.problems import Problem
from services.edge.routing import Route
from services.kit.client import read_fault

log = structlog.get_logger()

T = TypeVar("T")

ROOT = "/imfpush/v1"
APP = ROOT + "/apps/{app_id}"


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose caller was admitted."""

    request: Request
    app_id: str
    callers: Caller
    max_body_bytes: int

    @property
    def is_back_end(self) -> bool:
        """Whether the application's own side calls, and not its audience."""
        return bool(self.callers & BACK_ENDS)

    def demand(self, access: Access) -> None:
        """Ask more of the caller than the route did, because of what the call turns out to be."""
        if not self.callers & access.value:
            raise problems.unauthenticated(access.need)

    def name(self, parameter: str) -> str:
        """What the path holds in the place of `{parameter}`; nothing there is no resource."""
        value = str(self.request.path_params[parameter])
        if not value:
            raise problems.no_such_path()
        return value

    def query(self, parameter: str) -> str:
        """A query parameter, empty when absent."""
        return self.request.query_params.get(parameter, "")

    def query_unformed(self, parameter: str) -> str:
        """As `query`, with a plus read as a plus: Android sends names into URLs as they are."""
        text: str = self.request.scope["query_string"].decode("latin-1")
        return dict(parse_qsl(text.replace("+", "%2B"))).get(parameter, "")

    @property
    def languages(self) -> str:
        """Those that the caller would rather read, as `Accept-Language` has them."""
        return self.request.headers.get("accept-language", "")

    async def read_json(self) -> bytes:
        """The body as it came, not yet decoded."""
        bodies.check_media_type(self.request)
        return await self.read_bytes()

    async def read_bytes(self) -> bytes:
        return await bodies.read_bytes(self.request, self.max_body_bytes)

    async def read(self, shape: type[T]) -> T:
        return bodies.convert(bodies.decode(await self.read_json()), shape)


Handler = Callable[[Call], Awaitable[Response]]


class Door:
    def __init__(self, admission: Admission, max_body_bytes: int) -> None:
        self._admission = admission
        self._max_body_bytes = max_body_bytes

    def route(self, path: str, **methods: tuple[Access, Handler]) -> Route:
        """A route whose methods each ask their own access: `GET=(Access.CLIENT_READ, read)`."""

        async def endpoint(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            _name_span(request, path)
            access, handler = methods[method]
            try:
                return await handler(await self._admit(request, access))
            except Problem as refused:
                problem = refused
            except grpc.aio.AioRpcError as error:
                problem = _explain(error)
            except RecursionError:
                problem = problems.malformed("it is nested too deeply")
            return problem.to_response(request.headers.get("accept-language", ""))

        return Route(path, endpoint, {method: access for method, (access, _) in methods.items()})

    async def _admit(self, request: Request, access: Access) -> Call:
        app_id = request.path_params.get("app_id")
        callers = await self._admission.admit(access, request.headers, app_id or "")
        if app_id is not None:
            app_id = read_app_id(app_id)
            request.scope.setdefault("state", {})["app_id"] = app_id
        _refuse_unsound(request)
        return Call(request, app_id or "", callers, self._max_body_bytes)


def _refuse_unsound(request: Request) -> None:
    """Texts that no database takes, or that are no text."""
    for name, value in request.path_params.items():
        # What does not decode has become this character on its way here.
        if "\ufffd" in value and b"%EF%BF%BD" not in request.scope["raw_path"].upper():
            raise problems.invalid(to_rest_name(name), "must be valid UTF-8")
        _refuse_nul(name, value)
    if request.scope["query_string"]:
        for name, value in request.query_params.multi_items():
            _refuse_nul(name, value)


def _refuse_nul(name: str, value: str) -> None:
    if "\x00" in value or "\x00" in name:
        named = to_rest_name(name).replace("\x00", "")
        raise problems.invalid(named, "must not contain the character NUL")


def _name_span(request: Request, path: str) -> None:
    request.scope.setdefault("state", {})["route"] = path
    span = trace.get_current_span()
    if span.is_recording():
        span.update_name(f"{request.method} {path}")
        span.set_attribute("http.route", path)


def _explain(error: grpc.aio.AioRpcError) -> Problem:
    fault = read_fault(error)
    problem = problems.read_remote(fault)
    if problem is None:
        raise error
    if fault.is_outage:
        log.warning("room.away", code=fault.code.name, domain=fault.domain, reason=fault.reason)
    return problem
