"""What a process tells of itself: JSON logs with trace ids, spans and metrics by OTLP.

Fields whose names say that they hold an address, a payload or a credential are scrubbed; whoever
logs such a thing under another name is caught in review, not here.
"""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, TextIO

import structlog
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON

Event = MutableMapping[str, Any]

SCRUBBED = "[scrubbed]"
# A collector that is away must not hold up a process that is to end.
EXPORT_SECONDS = 2
SECRET_WORDS = re.compile(
    "address|alert|apikey|assertion|authorization|body|certificate|credential|endpoint|operatorkey"
    "|password|payload|privatekey|secret|serviceaccount|token|userauth|variables"
)


def scrub(_logger: object, _method: str, event: Event) -> Event:
    """Blank every field, at any depth, whose name says that it is secret."""
    for name, value in event.items():
        event[name] = SCRUBBED if _is_secret(name) else _scrub_value(value)
    return event


# Their names are few, those of what others log included.
@lru_cache(maxsize=4096)
def _is_secret(name: object) -> bool:
    squeezed = str(name).lower().replace("-", "").replace("_", "")
    return SECRET_WORDS.search(squeezed) is not None


def _scrub_value(value: object) -> object:
    if isinstance(value, dict):
        return {k: SCRUBBED if _is_secret(k) else _scrub_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub_value(part) for part in value]
    return value


def add_trace_id(_logger: object, _method: str, event: Event) -> Event:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


class Lines(structlog.WriteLogger):
    """Writes lines, or does without where they cannot be written: work goes on with a full disk."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def start_logging(room: str, level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send our log lines, and those of libraries, to `stream` (stdout) as JSON."""
    shared: list[Callable[..., Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace_id,
        lambda _logger, _method, event: {**event, "room": room},
    ]
    finish: list[Callable[..., Any]] = [
        structlog.processors.format_exc_info,
        scrub,
        structlog.processors.JSONRenderer(),
    ]
    _take_in_others(shared, finish, level, stream or sys.stdout)
    structlog.configure(
        processors=[*shared, *finish],
        # Past the standard library's loggers, which take as long again for a line.
        logger_factory=lambda *_: Lines(stream or sys.stdout),
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=False,
    )


def _take_in_others(
    shared: list[Callable[..., Any]],
    finish: list[Callable[..., Any]],
    level: str,
    stream: TextIO,
) -> None:
    """What libraries log by the standard library's loggers becomes lines like ours."""
    output = logging.StreamHandler(stream)
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[without_meta, *finish]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level)
    for noisy in ("alembic", "hpack", "httpcore", "httpx", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def start_tracing(room: str, otlp_endpoint: str) -> Callable[[], None]:
    """Export spans and metrics if there is an endpoint, else only make trace ids; return an end."""
    resource = Resource.create({SERVICE_NAME: f"carillon-{room}"})
    sampler = DEFAULT_ON if otlp_endpoint else ALWAYS_OFF
    tracers, meters = TracerProvider(sampler, resource), None
    if otlp_endpoint:
        plain = not otlp_endpoint.startswith("https")
        spans = OTLPSpanExporter(otlp_endpoint, plain, timeout=EXPORT_SECONDS)
        tracers.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=1000))
        figures = OTLPMetricExporter(otlp_endpoint, plain, timeout=EXPORT_SECONDS)
        reader = PeriodicExportingMetricReader(figures, export_interval_millis=15_000)
        meters = MeterProvider([reader], resource)
        metrics.set_meter_provider(meters)
        # It names an older SQLAlchemy as its newest, but instruments this one.
        SQLAlchemyInstrumentor().instrument(tracer_provider=tracers, skip_dep_check=True)
    trace.set_tracer_provider(tracers)

    def stop() -> None:
        tracers.shutdown()
        if meters:
            meters.shutdown()

    return stop
