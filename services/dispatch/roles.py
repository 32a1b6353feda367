"""The roles of dispatch: what each of them opens. One process runs one of them, or all."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.dispatch.v1 import (
    channel_service_pb2_grpc,
    circuit_service_pb2_grpc,
    credential_service_pb2_grpc,
    message_service_pb2_grpc,
    webhook_service_pb2_grpc,
    weight_service_pb2_grpc,
)
from services.dispatch import store
from services.dispatch.acceptance import Acceptance
from services.dispatch.announcer import Announcer
from services.dispatch.api.channel_service import ChannelServicer
from services.dispatch.api.circuit_service import CircuitServicer
from services.dispatch.api.credential_service import CredentialServicer
from services.dispatch.api.feeds import DeviceFeed, SubscriptionFeed
from services.dispatch.api.message_service import MessageServicer
from services.dispatch.api.rooms import Neighbours, RegistryRoom, TargetingRoom
from services.dispatch.api.webhook_service import WebhookServicer
from services.dispatch.api.weight_service import WeightServicer
from services.dispatch.caller import Caller, Limits
from services.dispatch.dismisser import Dismisser
from services.dispatch.domain.parcels import Lane
from services.dispatch.domain.rooms import EventFeed
from services.dispatch.fanout import FanOut
from services.dispatch.follower import Follower
from services.dispatch.gateways.limits import SizeLimits
from services.dispatch.gateways.pool import GatewayPool
from services.dispatch.gateways.trials import try_credential
from services.dispatch.gatherer import Gatherer
from services.dispatch.halting import Halting
from services.dispatch.planner import Planner
from services.dispatch.receiving import Receiving
from services.dispatch.recorder import Recorder
from services.dispatch.reporter import Reporter
from services.dispatch.sender import Sender
from services.dispatch.sending import Desk
from services.dispatch.settings import Settings
from services.dispatch.switchboard import Switchboard
from services.dispatch.trimmer import Trimmer
from services.dispatch.wire import Wire
from services.dispatch.wire.pooled import PooledWire
from services.kit.client import open_channel
from services.kit.database import RING_SECONDS, Ringer, listen, open_engine
from services.kit.egress import EgressGuard
from services.kit.process import House
from services.kit.server import new_server, serve

SERVICES = [
    f"carillon.dispatch.v1.{name}Service"
    for name in ("Message", "Channel", "Credential", "Circuit", "Webhook", "Weight")
]

ENDINGS_SECONDS = 0.05


def now() -> datetime:
    return datetime.now(UTC)


class Premises:
    """What the roles of one process share: settings, database, and the rooms they call."""

    def __init__(self, house: House, settings: Settings) -> None:
        self.house = house
        self.settings = settings
        self.db: AsyncEngine = open_engine(settings.database_url, may_scan=False)
        house.push_async_callback(self.db.dispose)
        registry = open_channel(house, settings.registry_address)
        targeting = open_channel(house, settings.targeting_address)
        self.registry = RegistryRoom(registry, settings.room_timeout)
        self.targeting = TargetingRoom(targeting, settings.room_timeout)
        self.sources: list[EventFeed] = [
            DeviceFeed(registry, settings.room_timeout),
            SubscriptionFeed(targeting, registry, settings.room_timeout),
        ]

    def open_wire(self) -> Wire:
        """One for each role that asks gateways; closed with the house."""
        settings = self.settings
        ca_file = Path(settings.gateway_ca_file) if settings.gateway_ca_file else None
        wire = PooledWire(EgressGuard.allowing(settings.egress_allow), ca_file)
        self.house.push_async_callback(wire.close)
        return wire

    def ringer(self, channel: str, pause_seconds: float = RING_SECONDS) -> Callable[[], None]:
        ringer = Ringer(self.db, channel, pause_seconds)
        self.house.push_async_callback(ringer.close)
        return ringer.ring

    def listen(self, channel: str, ring: Callable[[], None]) -> None:
        work = listen(self.settings.database_url, channel, ring)
        self.house.keep_running(f"listen {channel}", work)


async def open_api(premises: Premises) -> int:
    """Serve what dispatch answers; return the port."""
    settings, server = premises.settings, new_server("dispatch")
    message_service_pb2_grpc.add_MessageServiceServicer_to_server(_messages(premises), server)
    channel_service_pb2_grpc.add_ChannelServiceServicer_to_server(
        ChannelServicer(premises.db, now), server
    )
    circuit_service_pb2_grpc.add_CircuitServiceServicer_to_server(
        CircuitServicer(premises.db), server
    )
    weight_service_pb2_grpc.add_WeightServiceServicer_to_server(WeightServicer(premises.db), server)
    wire, urls = premises.open_wire(), settings.gateway_urls
    credential_service_pb2_grpc.add_CredentialServiceServicer_to_server(
        CredentialServicer(lambda credential: try_credential(credential, urls, wire, now)), server
    )
    webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server(_webhooks(premises), server)
    return await serve(premises.house, server, settings.listen, SERVICES)


def _messages(premises: Premises) -> MessageServicer:
    settings, db = premises.settings, premises.db
    ring_plans, ring_parcels = premises.ringer(store.PLANS), premises.ringer(store.PARCELS)
    halting = Halting(
        db,
        now,
        timedelta(seconds=settings.patience_seconds),
        ring_halts=premises.ringer(store.HALTS),
        ring_plans=ring_plans,
        ring_parcels=ring_parcels,
    )
    neighbours = Neighbours(premises.registry, premises.targeting)
    return MessageServicer(
        db,
        Acceptance(db, now, ring_plans=ring_plans, ring_parcels=ring_parcels),
        Receiving(db, neighbours, now, ring_outbox=premises.ringer(store.OUTBOX)),
        halting,
        neighbours,
        SizeLimits(settings.apple_payload_bytes),
        now,
    )


def _webhooks(premises: Premises) -> WebhookServicer:
    settings = premises.settings
    return WebhookServicer(
        premises.db,
        settings.make_vault(),
        EgressGuard.allowing(settings.egress_allow),
        now,
        sources=premises.sources,
        patience=timedelta(seconds=settings.webhook_patience_seconds),
        ring_outbox=premises.ringer(store.OUTBOX),
    )


async def open_planner(premises: Premises) -> None:
    planner = Planner(
        premises.db,
        premises.targeting,
        now,
        ring_parcels=premises.ringer(store.PARCELS),
        retention=timedelta(days=premises.settings.retention_days),
        lease_time=timedelta(seconds=premises.settings.lease_seconds),
    )
    premises.listen(store.PLANS, planner.plans_bell.ring)
    premises.listen(store.ENDINGS, planner.endings_bell.ring)
    premises.house.keep_running("planner", planner.run())


async def open_sender(premises: Premises) -> None:
    settings = premises.settings
    wire = premises.open_wire()
    recorder = Recorder(
        premises.db,
        settings.sender_window,
        ring_outbox=premises.ringer(store.OUTBOX),
        report_delay=timedelta(seconds=settings.report_delay_seconds),
    )
    gateways = GatewayPool(premises.registry, settings.gateway_urls, wire, now, time.monotonic)
    desk = Desk(
        premises.db,
        premises.targeting,
        gateways,
        wire,
        recorder,
        Switchboard(premises.db, gateways, premises.registry, settings.limits, time.monotonic),
        now,
        time.monotonic,
        timedelta(seconds=settings.patience_seconds),
    )
    slots = {Lane.EXPRESS: settings.express_slots, Lane.BULK: settings.bulk_slots}
    sender = Sender(
        desk,
        slots=slots,
        lease_time=timedelta(seconds=settings.lease_seconds),
        # Whoever hears it looks at all messages under way.
        ring_endings=premises.ringer(store.ENDINGS, ENDINGS_SECONDS),
    )
    premises.listen(store.PARCELS, sender.bell.ring)
    premises.listen(store.HALTS, sender.halts_bell.ring)
    premises.house.keep_running("sender", sender.run())
    premises.house.push_async_callback(sender.drain)


async def open_reporter(premises: Premises) -> None:
    house, db = premises.house, premises.db
    reporter = Reporter(db, premises.registry)
    caller = _make_caller(premises)
    fan_out, ring_caller = _make_fan_out(premises.settings), caller.bell.ring
    announcer = Announcer(db, premises.registry, fan_out, ring_caller=ring_caller)
    gatherer = Gatherer(db, premises.sources, fan_out, now, ring_caller=ring_caller)

    def ring() -> None:
        for bell in (reporter.bell, announcer.bell, caller.bell):
            bell.ring()

    premises.listen(store.OUTBOX, ring)
    house.keep_running("reporter", reporter.run())
    dismisser = Dismisser(db, premises.registry, now, ring_parcels=premises.ringer(store.PARCELS))
    house.keep_running("dismisser", dismisser.run())
    house.keep_running("follower", Follower(db, premises.registry, now).run())
    house.keep_running("announcer", announcer.run())
    house.keep_running("caller", caller.run())
    house.keep_running("gatherer", gatherer.run())
    house.keep_running("tender", gatherer.tend())
    house.keep_running("trimmer", Trimmer(db, now, premises.settings.webhook_backlog).run())


def _make_caller(premises: Premises) -> Caller:
    settings = premises.settings
    limits = Limits(
        settings.webhook_slots,
        min(settings.webhook_timeout, settings.lease_seconds / 3),
        timedelta(seconds=settings.lease_seconds),
    )
    return Caller(premises.db, settings.make_vault(), premises.open_wire(), now, limits)


def _make_fan_out(settings: Settings) -> FanOut:
    patience = timedelta(seconds=settings.webhook_patience_seconds)
    return FanOut(settings.make_vault(), now, patience)
