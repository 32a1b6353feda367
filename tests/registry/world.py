"""A registry to ask: settings, stubs, and things to put into its book."""

import asyncio
import base64
from collections.abc import AsyncIterable, Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import grpc
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.registry.v1 import application_service_pb2 as app_pb
from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as device_service
from carillon.registry.v1.access_service_pb2_grpc import AccessServiceStub
from carillon.registry.v1.application_service_pb2_grpc import ApplicationServiceStub
from carillon.registry.v1.change_service_pb2_grpc import ChangeServiceStub
from carillon.registry.v1.device_service_pb2_grpc import DeviceServiceStub
from carillon.registry.v1.gateway_service_pb2_grpc import GatewayServiceStub
from carillon.registry.v1.recipient_service_pb2_grpc import RecipientServiceStub
from carillon.registry.v1.website_service_pb2_grpc import WebsiteServiceStub
from carillon.type.v1 import platform_pb2
from services.kit.client import RemoteFault, read_fault
from services.registry.domain.application import Application
from services.registry.domain.change import START, Change
from services.registry.domain.device import (
    AddressReport,
    Device,
    Finding,
    Platform,
    Registration,
    State,
    digest_address,
)
from services.registry.settings import Settings
from services.registry.store import applications, changes, registrations
from tests.conftest import NOON

T = TypeVar("T")

PEPPER = base64.b64encode(b"p" * 32).decode()
KEY = "first:" + base64.b64encode(b"k" * 32).decode()
NOBODY = "00000000-0000-4000-8000-000000000000"


def settings(url: str) -> Settings:
    return Settings(
        database_url=url, secret_pepper=PEPPER, encryption_keys=(KEY,), listen="127.0.0.1:0"
    )


class Stubs:
    """All services of one room."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.access = AccessServiceStub(channel)
        self.applications = ApplicationServiceStub(channel)
        self.changes = ChangeServiceStub(channel)
        self.devices = DeviceServiceStub(channel)
        self.gateways = GatewayServiceStub(channel)
        self.websites = WebsiteServiceStub(channel)
        self.recipients = RecipientServiceStub(channel)

    async def new_app(self) -> str:
        made = await self.applications.CreateApplication(app_pb.CreateApplicationRequest())
        return made.application.app_id

    async def register(self, app_id: str, device_id: str, **members: Any) -> device_pb2.Device:
        members.setdefault("platform", platform_pb2.PLATFORM_ANDROID)
        members.setdefault("address", f"address of {device_id}")
        answer = await self.devices.RegisterDevice(
            device_service.RegisterDeviceRequest(
                app_id=app_id, device=device_pb2.Device(device_id=device_id, **members)
            )
        )
        return answer.device


async def fault_of(call: Awaitable[Any]) -> RemoteFault:
    """What the room refused the call with."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return read_fault(error)
    raise AssertionError("it was not refused")


async def stream_fault_of(stream: AsyncIterable[Any]) -> RemoteFault:
    return await fault_of(drain(stream))


async def drain(stream: AsyncIterable[T]) -> list[T]:
    return [message async for message in stream]


@dataclass
class Clock:
    """A time that moves only when it is told to."""

    now: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        return self.now


async def put_app(db: AsyncEngine) -> UUID:
    app_id = uuid4()
    async with db.begin() as tx:
        await applications.create(tx, Application(app_id, "ACME", True, NOON, NOON))
    return app_id


def phone(app_id: UUID, device_id: str = "phone", **changed: Any) -> Registration:
    changed.setdefault("platform", Platform.ANDROID)
    changed.setdefault("address", f"address of {device_id}")
    return Registration(app_id=app_id, device_id=device_id, **changed)


async def write(
    tx: AsyncConnection, wanted: Sequence[Registration], now: datetime = NOON
) -> list[Device]:
    ordered = sorted(wanted, key=lambda registration: registration.key)
    await tx.execute(sa.text("SELECT 1"))  # with which the transaction begins
    written = await registrations.write(tx, ordered, now)
    left = [registration for registration in ordered if registration.key not in written]
    if left:
        written |= await registrations.move(tx, left, now)
    return [written[registration.key] for registration in wanted]


async def settled(db: AsyncEngine, count: int) -> list[Change]:
    """The feed as soon as it holds so many: another test's transaction may hold it back."""
    async with asyncio.timeout(20):
        while True:
            async with db.connect() as tx:
                found = await changes.read_after(tx, START, 100)
            if len(found) >= count:
                return found


def report(
    app_id: UUID,
    device: Device,
    finding: Finding = State.DEAD,
    *,
    when: datetime = NOON,
    address: str = "",
) -> AddressReport:
    """A gateway's word about the device's address, or about another one."""
    digest = digest_address(address or device.address)
    return AddressReport(app_id, device.uid, digest, when, finding)
