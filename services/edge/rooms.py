"""The rooms that the edge calls, each service behind its stub."""

from dataclasses import dataclass

from carillon.dispatch.v1 import channel_service_pb2_grpc as channel_rpc
from carillon.dispatch.v1 import circuit_service_pb2_grpc as circuit_rpc
from carillon.dispatch.v1 import credential_service_pb2_grpc as credential_rpc
from carillon.dispatch.v1 import message_service_pb2_grpc as message_rpc
from carillon.dispatch.v1 import webhook_service_pb2_grpc as webhook_rpc
from carillon.dispatch.v1 import weight_service_pb2_grpc as weight_rpc
from carillon.registry.v1 import access_service_pb2_grpc as access_rpc
from carillon.registry.v1 import application_service_pb2_grpc as application_rpc
from carillon.registry.v1 import device_service_pb2_grpc as device_rpc
from carillon.registry.v1 import gateway_service_pb2_grpc as gateway_rpc
from carillon.registry.v1 import website_service_pb2_grpc as website_rpc
from carillon.targeting.v1 import subscription_service_pb2_grpc as subscription_rpc
from carillon.targeting.v1 import tag_service_pb2_grpc as tag_rpc
from services.edge.settings import Settings
from services.kit.client import open_channel
from services.kit.process import House


@dataclass(frozen=True, slots=True)
class Rooms:
    """Every call takes `timeout=rooms.timeout`: no room may keep a caller waiting."""

    access: "access_rpc.AccessServiceAsyncStub"
    applications: "application_rpc.ApplicationServiceAsyncStub"
    devices: "device_rpc.DeviceServiceAsyncStub"
    websites: "website_rpc.WebsiteServiceAsyncStub"
    gateways: "gateway_rpc.GatewayServiceAsyncStub"
    circuits: "circuit_rpc.CircuitServiceAsyncStub"
    credentials: "credential_rpc.CredentialServiceAsyncStub"
    tags: "tag_rpc.TagServiceAsyncStub"
    subscriptions: "subscription_rpc.SubscriptionServiceAsyncStub"
    messages: "message_rpc.MessageServiceAsyncStub"
    channels: "channel_rpc.ChannelServiceAsyncStub"
    webhooks: "webhook_rpc.WebhookServiceAsyncStub"
    weights: "weight_rpc.WeightServiceAsyncStub"
    timeout: float


def open_rooms(house: House, settings: Settings) -> Rooms:
    """Channels to the three rooms, closed with the house. A room need not be up yet."""
    registry = open_channel(house, settings.registry_address)
    targeting = open_channel(house, settings.targeting_address)
    dispatch = open_channel(house, settings.dispatch_address)
    return Rooms(
        access=access_rpc.AccessServiceStub(registry),
        applications=application_rpc.ApplicationServiceStub(registry),
        devices=device_rpc.DeviceServiceStub(registry),
        websites=website_rpc.WebsiteServiceStub(registry),
        gateways=gateway_rpc.GatewayServiceStub(registry),
        circuits=circuit_rpc.CircuitServiceStub(dispatch),
        credentials=credential_rpc.CredentialServiceStub(dispatch),
        tags=tag_rpc.TagServiceStub(targeting),
        subscriptions=subscription_rpc.SubscriptionServiceStub(targeting),
        messages=message_rpc.MessageServiceStub(dispatch),
        channels=channel_rpc.ChannelServiceStub(dispatch),
        webhooks=webhook_rpc.WebhookServiceStub(dispatch),
        weights=weight_rpc.WeightServiceStub(dispatch),
        timeout=settings.room_timeout,
    )
