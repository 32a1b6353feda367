"""The room under test, with registry's book in memory beside it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import grpc
import pytest

from carillon.targeting.v1 import (
    change_service_pb2_grpc,
    subscription_service_pb2_grpc,
    tag_service_pb2_grpc,
    targeting_service_pb2_grpc,
)
from services.kit.process import House
from services.targeting.app import open_room
from services.targeting.settings import Settings
from tests.conftest import NOON
from tests.targeting.book import Book
from tests.targeting.registry_room import RegistryRoom, add_to


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@dataclass(frozen=True, slots=True)
class Room:
    """Targeting as its callers see it, and what it leans on."""

    tags: "tag_service_pb2_grpc.TagServiceAsyncStub"
    subscriptions: "subscription_service_pb2_grpc.SubscriptionServiceAsyncStub"
    targets: "targeting_service_pb2_grpc.TargetingServiceAsyncStub"
    changes: "change_service_pb2_grpc.ChangeServiceAsyncStub"
    registry: RegistryRoom
    registry_server: grpc.aio.Server

    @property
    def book(self) -> Book:
        return self.registry.book


@pytest.fixture
def app_id() -> UUID:
    return uuid4()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def book(app_id: UUID) -> Book:
    book = Book()
    book.write(app_id)
    return book


@pytest.fixture
async def registry(book: Book) -> AsyncIterator[tuple[RegistryRoom, grpc.aio.Server, str]]:
    """Registry on loopback: the servicer, its server and its address."""
    room = RegistryRoom(book)  # type: ignore[abstract]  # targeting asks for some of it only
    server = grpc.aio.server()
    add_to(server, room)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield room, server, f"127.0.0.1:{port}"
    room.heard.set()
    await server.stop(None)


@pytest.fixture
def registry_patience() -> float:
    """How long registry is waited for, in seconds; more than a busy machine ever takes."""
    return 20.0


@pytest.fixture
async def room(
    targeting_url: str,
    registry: tuple[RegistryRoom, grpc.aio.Server, str],
    registry_patience: float,
    clock: Clock,
) -> AsyncIterator[Room]:
    servicer, server, address = registry
    settings = Settings(
        database_url=targeting_url,
        registry_address=address,
        listen="127.0.0.1:0",
        registry_timeout=registry_patience,
        registry_stream_timeout=registry_patience,
        follow_interval=0.02,
        sweep_interval=0.02,
    )
    async with House() as house:
        port = await open_room(house, settings, clock)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Room(
                tag_service_pb2_grpc.TagServiceStub(channel),
                subscription_service_pb2_grpc.SubscriptionServiceStub(channel),
                targeting_service_pb2_grpc.TargetingServiceStub(channel),
                change_service_pb2_grpc.ChangeServiceStub(channel),
                servicer,
                server,
            )
        house.ending.set()
