"""Finds who serves a path: by its first segments, which leave a few to try.

Starlette would try close to a hundred patterns one after another, and would pass the request
through three layers that turn exceptions into answers; that is the door's work, done once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from services.edge import problems
from services.edge.access import Access

Endpoint = Callable[[Request], Awaitable[Response]]

# Before it, a path of the API is the same for all resources of an application.
TELLING_SEGMENT = 5


class Route:
    """Who serves a path, and what its methods ask of their callers."""

    def __init__(self, path: str, endpoint: Endpoint, accesses: Mapping[str, Access]) -> None:
        self.path = path
        self.endpoint = endpoint
        self.accesses = accesses
        self.methods = {*accesses, "HEAD"} if "GET" in accesses else {*accesses}
        self._pattern, _, _ = compile_path(path)

    def match(self, path: str) -> dict[str, str] | None:
        """The values of its parameters, or None if it does not serve this path."""
        found = self._pattern.match(path)
        return found.groupdict() if found else None


class Routing:
    """The innermost ASGI application. Where two routes fit, the first one serves."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._near: dict[str, list[Route]] = {}
        for route in routes:
            self._near.setdefault(_tell(route.path), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path: str = scope["path"]
        refused: Route | None = None
        for route in self._near.get(_tell(path), ()):
            values = route.match(path)
            if values is None:
                continue
            if scope["method"] in route.methods:
                scope["path_params"] = values
                return await route.endpoint(Request(scope, receive))
            refused = refused or route
        problem = problems.method_refused(refused.methods) if refused else problems.no_such_path()
        return problem.to_response(Request(scope).headers.get("accept-language", ""))


def _tell(path: str) -> str:
    """The segment that tells resources apart, empty in shorter paths."""
    segments = path.split("/", TELLING_SEGMENT + 1)
    return segments[TELLING_SEGMENT] if len(segments) > TELLING_SEGMENT else ""
