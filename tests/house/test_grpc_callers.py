"""Can an internal caller that knows nothing but the address use a room over gRPC?"""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.house.app import App
from tests.house.conftest import World
from tests.house.marks import HOUSE

pytestmark = HOUSE

SERVICE = "carillon.dispatch.v1.MessageService"


class ReflectingCaller:
    """A synchronous client that learns the contract from the server, as `buf curl` does."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._known = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._known)

    def services(self) -> set[str]:
        return set(self._known.get_services())

    def call(self, service: str, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask and answer in JSON's words."""
        described = self._pool.FindServiceByName(service).methods_by_name[method]
        asked = message_factory.GetMessageClass(described.input_type)()
        answered = message_factory.GetMessageClass(described.output_type)
        ask: Any = self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answered.FromString,
        )
        answer = ask(json_format.ParseDict(request, asked), timeout=5)
        return json_format.MessageToDict(answer)


@pytest.fixture
def channel(world: World) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(world.house.place.dispatch) as channel:
        yield channel


async def test_it_finds_the_services_by_reflection(channel: grpc.Channel) -> None:
    services = await asyncio.to_thread(ReflectingCaller(channel).services)

    assert {SERVICE, "grpc.health.v1.Health"} <= services


async def test_it_sends_a_message_and_reads_what_came_of_it(
    channel: grpc.Channel, app: App
) -> None:
    phone = await app.register("G")
    caller = ReflectingCaller(channel)
    request = {
        "appId": app.demo.app_id,
        "message": {
            "content": {"alert": "From inside the cluster"},
            "target": {"deviceIds": {"names": [phone.device_id]}},
        },
    }
    sent = await asyncio.to_thread(caller.call, SERVICE, "SendMessage", request)
    message_id = sent["message"]["messageId"]
    await app.ended(message_id)
    question = {"appId": app.demo.app_id, "messageId": message_id}
    listed = await asyncio.to_thread(caller.call, SERVICE, "ListDeliveries", question)

    assert [(one["deviceId"], one["outcome"]) for one in listed["deliveries"]] == [
        (phone.device_id, "OUTCOME_SENT")
    ]


async def test_it_is_told_the_reason_of_a_refusal(channel: grpc.Channel, app: App) -> None:
    caller = ReflectingCaller(channel)
    question = {"appId": app.demo.app_id, "messageId": "NoSuch00"}
    with pytest.raises(grpc.RpcError) as refused:
        await asyncio.to_thread(caller.call, SERVICE, "GetMessage", question)

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert "MESSAGE_NOT_FOUND" in str(refused.value.trailing_metadata())


async def test_it_learns_that_the_room_serves(channel: grpc.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)  # its stubs know nothing of its methods
    request = health_pb2.HealthCheckRequest(service=SERVICE)
    answer = await asyncio.to_thread(health.Check, request, timeout=5)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
