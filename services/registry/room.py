"""Opens the room: its engines and its servicers on one server."""

from datetime import UTC, datetime, timedelta

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.registry.v1 import (
    access_service_pb2_grpc,
    application_service_pb2_grpc,
    change_service_pb2_grpc,
    device_service_pb2_grpc,
    gateway_service_pb2_grpc,
    recipient_service_pb2_grpc,
    website_service_pb2_grpc,
)
from services.kit.database import POOL_SIZE, open_engine
from services.kit.process import House
from services.kit.server import new_server, serve
from services.registry.api.access_service import AccessServicer
from services.registry.api.application_service import ApplicationServicer
from services.registry.api.change_service import ChangeServicer
from services.registry.api.device_service import DeviceServicer
from services.registry.api.gateway_service import GatewayServicer
from services.registry.api.recipient_service import RecipientServicer
from services.registry.api.website_service import WebsiteServicer
from services.registry.counting import Counting
from services.registry.expiries import Expiries
from services.registry.finder import Finder
from services.registry.packaging import Packaging
from services.registry.registrar import Registrar
from services.registry.settings import Settings
from services.registry.slicer import Slicer
from services.registry.sweeper import Sweeper

SERVICES = [
    f"carillon.registry.v1.{name}Service"
    for name in ("Access", "Application", "Change", "Device", "Gateway", "Recipient", "Website")
]
# Each edge asks for the versions every second, and each who follows the feed reads it.
POLLS = (
    "/carillon.registry.v1.AccessService/ListAccessVersions",
    "/carillon.registry.v1.ChangeService/ListChanges",
    "/carillon.registry.v1.ChangeService/ListDeviceEvents",
)


async def open_room(house: House, settings: Settings) -> int:
    """Serve the room until the house ends; return the port."""
    judge, vault = settings.make_judge(), settings.make_vault()
    db = open_book(settings.database_url)
    house.push_async_callback(db.dispose)
    registrar = Registrar(db, read_clock)
    house.push_async_callback(registrar.close)
    finder = Finder(db)
    house.push_async_callback(finder.close)
    sweeper = _start_sweeper(house, db, settings)
    house.keep_running("expiries", Expiries(db, read_clock).run())

    server = new_server("registry", quiet=POLLS)
    application_service_pb2_grpc.add_ApplicationServiceServicer_to_server(
        ApplicationServicer(db, read_clock, judge, vault, sweeper.ring), server
    )
    access_service_pb2_grpc.add_AccessServiceServicer_to_server(
        AccessServicer(db, read_clock, judge), server
    )
    gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(
        GatewayServicer(db, read_clock, vault), server
    )
    tokens = settings.make_website_tokens()
    website_service_pb2_grpc.add_WebsiteServiceServicer_to_server(
        WebsiteServicer(db, read_clock, Packaging(db, vault, tokens), tokens), server
    )
    _add_book(server, db, registrar, finder)
    return await serve(house, server, settings.listen, SERVICES)


def open_book(url: str, *, pool_size: int = POOL_SIZE) -> AsyncEngine:
    """The room's database. Whoever opens it disposes of it."""
    # Its statements are for hundreds of rows: planning each anew is cheaper than one bad plan.
    return open_engine(url, pool_size=pool_size, keep_plans=False)


def _start_sweeper(house: House, db: AsyncEngine, settings: Settings) -> Sweeper:
    sweeper = Sweeper(
        db,
        read_clock,
        keep_tombstones=timedelta(days=settings.tombstone_days),
        keep_changes=timedelta(days=settings.change_days),
    )
    house.keep_running("sweeper", sweeper.run())
    house.keep_running("counting", Counting(db).run())
    return sweeper


def _add_book(
    server: grpc.aio.Server, db: AsyncEngine, registrar: Registrar, finder: Finder
) -> None:
    device_service_pb2_grpc.add_DeviceServiceServicer_to_server(
        DeviceServicer(db, read_clock, registrar, finder), server
    )
    recipient_service_pb2_grpc.add_RecipientServiceServicer_to_server(
        RecipientServicer(db, Slicer(db)), server
    )
    change_service_pb2_grpc.add_ChangeServiceServicer_to_server(
        ChangeServicer(db, read_clock), server
    )


def read_clock() -> datetime:
    return datetime.now(UTC)
