"""The trace of a message outlives its request: it is stored with it and taken up by each engine."""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATOR = TraceContextTextMapPropagator()
HEADER = "traceparent"


def current_trace_parent() -> str:
    """The W3C traceparent of the span we are in; empty if there is none."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get(HEADER, "")


def context_of(trace_parent: str) -> Context:
    """A context in which new spans are children of the message's."""
    return PROPAGATOR.extract(
        {HEADER: trace_parent}, context=trace.set_span_in_context(trace.INVALID_SPAN)
    )
