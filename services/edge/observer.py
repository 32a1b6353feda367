"""The outermost layer of ours: request ids, one log line per request, and the last resort."""

import re
import time
import uuid
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.edge import problems

log = structlog.get_logger()

HEADER = "X-Request-Id"
SANE_ID = re.compile(r"[\x21-\x7e]{1,128}")
CLIENT_GONE = 499


class Observer:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _read_id(scope)
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, note)
        except ClientDisconnect:
            status = status or CLIENT_GONE
        except Exception:
            # The caller gets an answer whatever happens.
            log.exception("request.failed", request_id=request_id)
            if not status:
                await problems.internal(request_id).to_response()(scope, receive, note)
        finally:
            _report(scope, status, request_id, time.perf_counter() - started)


def _read_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if SANE_ID.fullmatch(text):
                return text
    return str(uuid.uuid4())


def _report(scope: Scope, status: int, request_id: str, seconds: float) -> None:
    state: dict[str, Any] = scope.get("state", {})
    log.info(
        "request",
        method=scope["method"],
        route=state.get("route", ""),
        status=status,
        ms=round(seconds * 1000, 2),
        app_id=state.get("app_id", ""),
        request_id=request_id,
    )
