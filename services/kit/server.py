"""How a room serves gRPC: faults become rich statuses; at the end health turns and calls drain."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any

import grpc
import structlog
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status
from opentelemetry import metrics, trace
from opentelemetry.trace import Span

from services.kit.database import is_outage
from services.kit.faults import Fault, StoreUnavailable
from services.kit.process import House
from services.kit.tracing import HEADER, start_serving

log = structlog.get_logger()

DRAIN_SECONDS = 10.0
OPTIONS = (
    ("grpc.so_reuseport", 0),  # a taken port must be an error, not a silent share
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

Behaviour = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Any]


def new_server(room: str, *, quiet: Collection[str] = ()) -> grpc.aio.Server:
    """A server that traces calls and turns the faults of `room` into statuses.

    Calls of the methods in `quiet` (polls) are not logged when they go well.
    """
    watch = Watch(f"{room}.carillon", quiet)
    return grpc.aio.server(interceptors=[watch], options=OPTIONS)


async def serve(house: House, server: grpc.aio.Server, listen: str, services: list[str]) -> int:
    """Start serving on `listen` with health and reflection; return the port.

    At the end health turns NOT_SERVING, calls under way may finish, and then the server closes.
    """
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names = [*services, health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise OSError(f"Cannot listen on {listen}: the port is taken or not ours.") from error
    await server.start()
    for name in ["", *services]:
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop() -> None:
        await checks.enter_graceful_shutdown()
        await server.stop(DRAIN_SECONDS)

    house.push_async_callback(stop)
    log.info("serving", port=port)
    return port


class Watch(grpc.aio.ServerInterceptor):
    """Traces, logs and measures each call of ours, and turns what it raises into a status.

    A Fault is shown with its reason and facts; a database outage as STORE_UNAVAILABLE; anything
    else is a bug: logged with its trace, shown as a bare INTERNAL.
    """

    def __init__(self, domain: str, quiet: Collection[str] = ()) -> None:
        self._domain = domain
        self._quiet = frozenset(quiet)
        self._watched: dict[str, Any] = {}
        # Bound once: a lazy one is put together anew for each line, told or not.
        self._log = log.bind()
        self._seconds = metrics.get_meter("carillon.kit").create_histogram(
            "rpc.server.call.duration", unit="s", description="Time to answer a call."
        )

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401  as grpc.aio has it
        method = handler_call_details.method
        if watched := self._watched.get(method):
            return watched
        handler = await continuation(handler_call_details)
        # The stock health and reflection services answer in coroutine style, which the wrapping
        # of streams below would break.
        if handler is None or not method.startswith("/carillon."):
            return handler
        if handler.response_streaming:
            make, behaviour = grpc.unary_stream_rpc_method_handler, self._watch_stream
            ours = behaviour(method, handler.unary_stream)
        else:
            make, behaviour = grpc.unary_unary_rpc_method_handler, self._watch_unary
            ours = behaviour(method, handler.unary_unary)
        watched = make(ours, handler.request_deserializer, handler.response_serializer)
        self._watched[method] = watched
        return watched

    def _watch_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        async def call(request: Any, context: Any) -> Any:  # noqa: ANN401  as grpc.aio has it
            started, span = self._enter(method, context)
            try:
                answer = await behaviour(request, context)
            except Exception as error:  # noqa: BLE001  every error has its answer
                await self._abort(method, error, context, started)
            else:
                self._note(method, "OK", "", started)
                return answer
            finally:
                span.end()

        return call

    def _watch_stream(self, method: str, behaviour: Behaviour) -> Behaviour:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: ANN401  likewise
            started, span = self._enter(method, context)
            try:
                async for answer in behaviour(request, context):
                    yield answer
                self._note(method, "OK", "", started)
            except Exception as error:  # noqa: BLE001  likewise
                await self._abort(method, error, context, started)
            finally:
                span.end()

        return call

    def _enter(self, method: str, context: Any) -> tuple[float, Span]:  # noqa: ANN401  likewise
        told = dict(context.invocation_metadata() or ())
        span = start_serving(method.lstrip("/"), str(told.get(HEADER, "")))
        return time.perf_counter(), span

    async def _abort(self, method: str, error: Exception, context: Any, started: float) -> None:  # noqa: ANN401
        if not isinstance(error, Fault) and is_outage(error):
            error = StoreUnavailable()
        if isinstance(error, Fault):
            self._note(method, error.code.value, error.reason, started)
            await context.abort_with_status(rpc_status.to_status(_to_status(error, self._domain)))
        log.error("rpc.failed", method=method, exc_info=error)
        self._note(method, "INTERNAL", "BUG", started)
        await context.abort(grpc.StatusCode.INTERNAL, "internal error")

    def _note(self, method: str, code: str, reason: str, started: float) -> None:
        trace.get_current_span().set_attribute("rpc.response.status_code", code)
        seconds = time.perf_counter() - started
        self._seconds.record(
            seconds, {"rpc.method": method.lstrip("/"), "rpc.response.status_code": code}
        )
        if code == "OK" and method in self._quiet:
            return
        self._log.info("rpc", method=method, code=code, reason=reason, ms=round(seconds * 1000, 2))


def _to_status(fault: Fault, domain: str) -> status_pb2.Status:
    code = grpc.StatusCode[fault.code.value].value[0]
    status = status_pb2.Status(code=code, message=fault.message)
    facts = dict(fault.facts)
    about = error_details_pb2.ErrorInfo(reason=fault.reason, domain=domain, metadata=facts)
    status.details.add().Pack(about)
    if fault.violations:
        bad = error_details_pb2.BadRequest()
        for field, description in fault.violations:
            bad.field_violations.add(field=field, description=description)
        status.details.add().Pack(bad)
    if fault.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(fault.retry_after * 1000))
        status.details.add().Pack(retry)
    return status
