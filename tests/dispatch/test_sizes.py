"""When is a message refused for its size, and what must registry be asked for that?"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import grpc
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1 import message_service_pb2 as pb
from carillon.dispatch.v1.content_pb2 import Content
from carillon.dispatch.v1.message_pb2 import Message
from carillon.registry.v1 import gateway_pb2 as gateway
from carillon.registry.v1 import gateway_service_pb2 as gateways_pb
from carillon.registry.v1 import gateway_service_pb2_grpc as gateways_rpc
from carillon.type.v1.target_pb2 import Everyone, Target
from services.dispatch.acceptance import Acceptance
from services.dispatch.api.message_service import MessageServicer
from services.dispatch.api.rooms import RegistryRoom
from services.dispatch.domain.faults import PayloadTooLarge, RoomUnavailable
from services.dispatch.gateways.limits import SizeLimits
from tests.dispatch.makers import APP

NOBODY = cast("Any", None)
# Too much for Apple, and for nobody else.
LONG = 3000


class Registry(gateways_rpc.GatewayServiceServicer):
    def __init__(self) -> None:
        self.kept: list[gateway.GatewayConfiguration] = []
        self.asked = 0
        self.failure: grpc.StatusCode | None = None

    def configure(
        self,
        kind: "gateway.GatewayKind.ValueType",
        state: "gateway.GatewayState.ValueType" = gateway.GATEWAY_STATE_VERIFIED,
    ) -> None:
        self.kept.append(gateway.GatewayConfiguration(kind=kind, state=state))

    async def ListGatewayConfigurations(self, _request: Any, context: Any) -> Any:
        self.asked += 1
        if self.failure is not None:
            await context.abort(self.failure, "no")
        return gateways_pb.ListGatewayConfigurationsResponse(configurations=self.kept)


@dataclass
class Desk:
    registry: Registry
    servicer: MessageServicer

    async def send(self, size: int) -> None:
        await self.servicer.SendMessage(
            pb.SendMessageRequest(app_id=str(APP), message=_message(size)), NOBODY
        )


def _message(size: int) -> Message:
    return Message(content=Content(alert="x" * size), target=Target(everyone=Everyone()))


@pytest.fixture
async def desk(dispatch_db: AsyncEngine) -> AsyncIterator[Desk]:
    registry = Registry()  # type: ignore[abstract]  # what is not there is not called
    server = grpc.aio.server()
    gateways_rpc.add_GatewayServiceServicer_to_server(registry, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    def now() -> datetime:
        return datetime.now(UTC)

    def ignore() -> None: ...

    acceptance = Acceptance(dispatch_db, now, ring_plans=ignore, ring_parcels=ignore)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        room = cast("Any", RegistryRoom(channel, 5.0))
        servicer = MessageServicer(dispatch_db, acceptance, NOBODY, NOBODY, room, SizeLimits(), now)
        yield Desk(registry, servicer)
    await server.stop(None)


async def test_what_fits_everybody_asks_nobody(desk: Desk) -> None:
    await desk.send(100)

    assert desk.registry.asked == 0


@pytest.mark.parametrize(
    ("kind", "state", "is_taken"),
    [
        (None, None, True),
        (gateway.GATEWAY_KIND_FCM, gateway.GATEWAY_STATE_VERIFIED, True),
        (gateway.GATEWAY_KIND_APNS, gateway.GATEWAY_STATE_INCOMPLETE, True),
        (gateway.GATEWAY_KIND_APNS, gateway.GATEWAY_STATE_UNVERIFIED, False),
        (gateway.GATEWAY_KIND_APNS, gateway.GATEWAY_STATE_MISCONFIGURED, False),
        (gateway.GATEWAY_KIND_WEB_SAFARI, gateway.GATEWAY_STATE_VERIFIED, False),
        # Safari's subscriptions are served by what any browser's configuration holds.
        (gateway.GATEWAY_KIND_WEB_FIREFOX, gateway.GATEWAY_STATE_VERIFIED, False),
    ],
)
async def test_only_platforms_that_the_application_has_set_up_may_refuse_it(
    desk: Desk, kind: Any, state: Any, *, is_taken: bool
) -> None:
    """Believed before: a message to all is at most as long as Apple takes, with or without Apple.

    Who had configured Android alone was refused what Android takes.
    """
    if kind is not None:
        desk.registry.configure(kind, state)
    if is_taken:
        await desk.send(LONG)
    else:
        with pytest.raises(PayloadTooLarge):
            await desk.send(LONG)

    assert desk.registry.asked == 1


async def test_the_refusal_names_the_platform_and_the_messages_place_in_a_batch(
    desk: Desk,
) -> None:
    desk.registry.configure(gateway.GATEWAY_KIND_APNS)
    parts = [pb.SendMessageRequest(message=_message(size)) for size in (10, LONG)]
    with pytest.raises(PayloadTooLarge) as refused:
        await desk.servicer.BatchSendMessages(
            pb.BatchSendMessagesRequest(app_id=str(APP), messages=parts), NOBODY
        )

    ((field, description),) = refused.value.violations
    assert field == "messages[1].message"
    assert all(word in description for word in ("IOS", "2048"))
    assert refused.value.facts["limit"] == "2048"


async def test_a_batch_asks_once(desk: Desk) -> None:
    parts = [pb.SendMessageRequest(message=_message(LONG)) for _ in range(3)]
    await desk.servicer.BatchSendMessages(
        pb.BatchSendMessagesRequest(app_id=str(APP), messages=parts), NOBODY
    )

    assert desk.registry.asked == 1


async def test_an_application_that_is_gone_has_set_up_nothing(desk: Desk) -> None:
    desk.registry.failure = grpc.StatusCode.NOT_FOUND
    await desk.send(LONG)


async def test_nothing_is_taken_on_trust_while_registry_is_away(desk: Desk) -> None:
    desk.registry.failure = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(RoomUnavailable):
        await desk.send(LONG)
