"""Which proto services the room offers."""

import grpc

from carillon.targeting.v1.change_service_pb2_grpc import add_ChangeServiceServicer_to_server
from carillon.targeting.v1.subscription_service_pb2_grpc import (
    add_SubscriptionServiceServicer_to_server,
)
from carillon.targeting.v1.tag_service_pb2_grpc import add_TagServiceServicer_to_server
from carillon.targeting.v1.targeting_service_pb2_grpc import add_TargetingServiceServicer_to_server
from services.targeting.api.changes import ChangeServicer
from services.targeting.api.subscriptions import SubscriptionServicer
from services.targeting.api.tags import TagServicer
from services.targeting.api.targets import TargetingServicer

NAMES = [
    "carillon.targeting.v1.TagService",
    "carillon.targeting.v1.SubscriptionService",
    "carillon.targeting.v1.TargetingService",
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
    add_ChangeServiceServicer_to_server(changes, server)
