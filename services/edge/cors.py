"""Cross-origin calls from browsers: no cookie is used, but secrets are, so any origin may call.

An application can admit its own web sites only (`origins.py`).
"""

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.edge.origins import ANY, Origins

METHODS = "GET, HEAD, POST, PUT, DELETE"
HEADERS = ", ".join(
    (
        *(
            "Content-Type",
            "clientSecret",
            "appSecret",
            "Authorization",
            "Accept",
            "Accept-Language",
        ),
        *("Content-Encoding", "Idempotency-Key", "X-Request-Id", "X-REWRITE-DOMAIN"),
        "Application-Mode",
    )
)
EXPOSED = "X-Request-Id, Content-Language, Retry-After, Allow"
# Two hours: the longest that any browser believes.
MAX_AGE = "7200"
PREFLIGHT = {
    "Allow": f"{METHODS}, OPTIONS",
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": HEADERS,
    "Access-Control-Max-Age": MAX_AGE,
}


class Cors:
    """Outermost, so that its headers stand on every answer, failures included."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _read_origin(scope["headers"]) if scope["type"] == "http" else ""
        if not origin:
            await self._app(scope, receive, send)
            return
        admitted = await self._origins.admit(scope["path"], origin)

        async def allow(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if admitted:
                    headers["Access-Control-Allow-Origin"] = admitted
                    headers["Access-Control-Expose-Headers"] = EXPOSED
                if admitted != ANY:
                    headers.add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, allow)


class Preflights:
    """Answers OPTIONS on every path: a browser shows no credential with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=PREFLIGHT)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _read_origin(headers: Iterable[tuple[bytes, bytes]]) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == b"origin"), "")
