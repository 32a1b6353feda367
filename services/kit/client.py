"""How a room calls another: a channel that reconnects by itself, and errors with their reasons."""

from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.kit.process import House
from services.kit.tracing import TracedChannel

OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)


def open_channel(house: House, address: str) -> grpc.aio.Channel:
    """A traced channel to `address` (host:port), closed with the house."""
    channel = TracedChannel(grpc.aio.insecure_channel(address, options=OPTIONS))
    house.push_async_callback(channel.close)
    return channel  # type: ignore[return-value]  # of a channel's methods it has those that stubs call


@dataclass(frozen=True, slots=True)
class RemoteFault:
    """What another room said instead of an answer; of an outage or a bug without a `reason`."""

    code: grpc.StatusCode
    message: str
    domain: str = ""
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()

    @property
    def is_outage(self) -> bool:
        """Whether the other room is away, rather than of another opinion."""
        return self.code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


def read_fault(error: grpc.aio.AioRpcError) -> RemoteFault:
    """Read the rich status of a failed call; the one place that parses it."""
    domain, reason = "", ""
    facts: dict[str, str] = {}
    violations: tuple[tuple[str, str], ...] = ()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # AioRpcError has what it asks for
    for detail in status.details if status else ():
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            about = error_details_pb2.ErrorInfo.FromString(detail.value)
            domain, reason, facts = about.domain, about.reason, dict(about.metadata)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest.FromString(detail.value)
            violations = tuple((v.field, v.description) for v in bad.field_violations)
    return RemoteFault(error.code(), error.details() or "", domain, reason, facts, violations)
