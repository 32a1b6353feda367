"""One trace over HTTP and gRPC: `traceparent` travels with every call (W3C Trace Context).

Spans are recorded only where the caller's trace is.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER = "traceparent"
PROPAGATOR = TraceContextTextMapPropagator()
NOWHERE = trace.set_span_in_context(trace.INVALID_SPAN, context.Context())
tracer = trace.get_tracer("carillon.kit")


def start_serving(name: str, trace_parent: str) -> Span:
    """Enter the caller's trace, or begin one, for the rest of this task; whoever starts it ends it.

    `trace_parent` is the caller's header, empty if there was none.
    """
    caller = PROPAGATOR.extract({HEADER: trace_parent}, NOWHERE) if trace_parent else NOWHERE
    span = trace.get_current_span(caller)
    told = span.get_span_context()
    if told.trace_flags.sampled or not told.is_valid:
        span = tracer.start_span(name, caller, SpanKind.SERVER)
    # Never detached: a call is served by a task of its own.
    context.attach(trace.set_span_in_context(span))
    return span


class TracedChannel:
    """A channel whose calls tell the other room which trace they belong to.

    Not an interceptor: grpc.aio would start a task for each call to run one.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._endings: set[asyncio.Task[None]] = set()

    def unary_unary(self, method: str, *how: Any, **named: Any) -> Callable[..., Any]:  # noqa: ANN401  as grpc.aio has it
        return self._trace(method, self._channel.unary_unary(method, *how, **named))

    def unary_stream(self, method: str, *how: Any, **named: Any) -> Callable[..., Any]:  # noqa: ANN401  likewise
        return self._trace(method, self._channel.unary_stream(method, *how, **named))

    async def close(self) -> None:
        await self._channel.close()

    def _trace(self, method: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        name = method.lstrip("/")

        def call(request: Any, *, timeout: float | None = None) -> Any:  # noqa: ANN401  likewise
            span = trace.get_current_span()
            told = span.get_span_context()
            if told.is_valid and not told.trace_flags.sampled:
                return ask(request, timeout=timeout, metadata=_write(span))
            span = tracer.start_span(name, kind=SpanKind.CLIENT)
            started = ask(request, timeout=timeout, metadata=_write(span))
            if span.is_recording():
                ending = asyncio.create_task(_end(span, started))
                self._endings.add(ending)
                ending.add_done_callback(self._endings.discard)
            return started

        return call


def _write(span: Span) -> tuple[tuple[str, str], ...]:
    told = span.get_span_context()
    flags = f"{told.trace_flags:02x}"
    return ((HEADER, f"00-{told.trace_id:032x}-{told.span_id:016x}-{flags}"),)


async def _end(span: Span, call: grpc.aio.Call) -> None:
    """End the span when the call has ended, however it did."""
    code = await call.code()
    span.set_attribute("rpc.response.status_code", code.name)
    if code is not grpc.StatusCode.OK:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
