"""Cross-origin calls from browsers: any origin may call, for no cookie is used, but secrets are."""

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _read_origin(scope["headers"]):
            await self._app(scope, receive, send)
            return

        async def allow(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Expose-Headers"] = EXPOSED
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
