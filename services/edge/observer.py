"""The outermost layer of ours: request ids, one log line per request, and the last resort."""

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from opentelemetry.trace import Span, StatusCode
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.edge import paths, problems
from services.kit.tracing import HEADER as TRACE_HEADER
from services.kit.tracing import start_serving

log = structlog.get_logger()

HEADER = "X-Request-Id"
SANE_ID = re.compile(r"[\x21-\x7e]{1,128}")
CLIENT_GONE = 499
SERVER_ERROR = 500
LANGUAGE = "accept-language"
WANTED = {HEADER.lower().encode(), TRACE_HEADER.encode(), LANGUAGE.encode()}


class Observer:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Bound once: a lazy one is put together anew for each line, told or not.
        self._log = log.bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        paths.tidy(scope)
        given = _read_headers(scope)
        request_id = _read_id(given)
        # Named by its route once that is known: names with paths in them would be without number.
        span = start_serving(scope["method"], given.get(TRACE_HEADER, ""))
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
                problem = problems.internal(request_id)
                await problem.to_response(given.get(LANGUAGE, ""))(scope, receive, note)
        finally:
            self._report(scope, status, request_id, time.perf_counter() - started)
            _end(span, scope["method"], status)

    def _report(self, scope: Scope, status: int, request_id: str, seconds: float) -> None:
        state: dict[str, Any] = scope.get("state", {})
        self._log.info(
            "request",
            method=scope["method"],
            route=state.get("route", ""),
            status=status,
            ms=round(seconds * 1000, 2),
            app_id=state.get("app_id", ""),
            request_id=request_id,
        )


def _read_headers(scope: Scope) -> dict[str, str]:
    """Those that the observer wants."""
    return {
        name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in WANTED
    }


def _read_id(given: Mapping[str, str]) -> str:
    text = given.get(HEADER.lower(), "")
    return text if SANE_ID.fullmatch(text) else str(uuid.uuid4())


def _end(span: Span, method: str, status: int) -> None:
    if span.is_recording():
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.response.status_code", status)
        if status >= SERVER_ERROR:
            span.set_status(StatusCode.ERROR)
    span.end()
