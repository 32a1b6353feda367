"""Which proto services the room offers."""

from typing import Any

import grpc

from carillon.targeting.v1 import targeting_service_pb2 as pb
from carillon.targeting.v1.change_service_pb2_grpc import add_ChangeServiceServicer_to_server
from carillon.targeting.v1.subscription_service_pb2_grpc import (
    add_SubscriptionServiceServicer_to_server,
)
from carillon.targeting.v1.tag_service_pb2_grpc import add_TagServiceServicer_to_server
from carillon.targeting.v1.targeting_service_pb2_grpc import add_TargetingServiceServicer_to_server
from services.targeting.api.changes import ChangeServicer
from services.targeting.api.chunks import write_answer
from services.targeting.api.subscriptions import SubscriptionServicer
from services.targeting.api.tags import TagServicer
from services.targeting.api.targets import TargetingServicer

TARGETING = "carillon.targeting.v1.TargetingService"
NAMES = [
    "carillon.targeting.v1.TagService",
    "carillon.targeting.v1.SubscriptionService",
    TARGETING,
    "carillon.targeting.v1.ChangeService",
]
# Whoever follows the feed reads it all the time.
POLLS = ["/carillon.targeting.v1.ChangeService/ListSubscriptionEvents"]


def add_servicers(
    server: grpc.aio.Server,
    tags: TagServicer,
    subscriptions: SubscriptionServicer,
    targets: TargetingServicer,
    changes: ChangeServicer,
) -> None:
    add_TagServiceServicer_to_server(tags, server)
    add_SubscriptionServiceServicer_to_server(subscriptions, server)
    add_TargetingServiceServicer_to_server(targets, server)
    _pass_bytes_on(server, targets)
    add_ChangeServiceServicer_to_server(changes, server)


def _pass_bytes_on(server: grpc.aio.Server, targets: TargetingServicer) -> None:
    """Let what streams recipients answer with registry's own bytes; the last to register counts."""
    stream = grpc.unary_stream_rpc_method_handler
    streams: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "ResolveSlices": stream(
            targets.ResolveSlices, pb.ResolveSlicesRequest.FromString, write_answer
        ),
        "ResolveUids": stream(targets.ResolveUids, pb.ResolveUidsRequest.FromString, write_answer),
    }
    server.add_registered_method_handlers(TARGETING, streams)
