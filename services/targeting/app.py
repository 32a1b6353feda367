"""Puts the room together; its process and its tests open it alike."""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.client import open_channel
from services.kit.database import open_engine
from services.kit.process import House
from services.kit.server import new_server, serve
from services.targeting.api import services
from services.targeting.api.changes import ChangeServicer
from services.targeting.api.rooms import Registry
from services.targeting.api.subscriptions import SubscriptionServicer
from services.targeting.api.tags import TagServicer
from services.targeting.api.targets import TargetingServicer
from services.targeting.browsing import Browser
from services.targeting.checking import Checker
from services.targeting.counting import Counting
from services.targeting.cutting import Cutter
from services.targeting.driving import Drivers
from services.targeting.enrolling import Enroller
from services.targeting.expressioncuts import ExpressionCutter
from services.targeting.follower import Follower
from services.targeting.listening import Listeners
from services.targeting.resolving import Resolver
from services.targeting.settings import Settings
from services.targeting.subscribers import Subscribers
from services.targeting.sweeper import Sweeper
from services.targeting.tagcuts import TagCutter
from services.targeting.weighing import Weigher


async def open_room(house: House, settings: Settings, clock: Callable[[], datetime]) -> int:
    """Serve and run the engines until the house ends; return the port."""
    db = open_engine(settings.database_url)
    house.push_async_callback(db.dispose)
    registry = Registry(
        open_channel(house, settings.registry_address),
        settings.registry_timeout,
        settings.registry_stream_timeout,
    )
    follower = Follower(db, registry, clock, settings.follow_interval)
    sweeper = Sweeper(db, clock, settings.sweep_interval)
    house.keep_running("follower", follower.run(house.ending))
    house.keep_running("sweeper", sweeper.run(house.ending))
    counting = Counting(db, settings.count_interval)
    house.keep_running("counting", counting.run(house.ending))
    server = new_server("targeting", quiet=services.POLLS)
    services.add_servicers(
        server,
        TagServicer(db, clock),
        SubscriptionServicer(
            Enroller(db, registry, clock), Browser(db, registry, Listeners(db, registry))
        ),
        _open_targets(db, registry),
        ChangeServicer(db, clock),
    )
    return await serve(house, server, settings.listen, services.NAMES)


def _open_targets(db: AsyncEngine, registry: Registry) -> TargetingServicer:
    drivers, tag_cutter = Drivers(db, time.monotonic), TagCutter(db)
    subscribers = Subscribers(db)
    return TargetingServicer(
        Cutter(tag_cutter, ExpressionCutter(drivers, tag_cutter, registry), registry),
        Resolver(db, registry, registry, Weigher(db, drivers, registry, subscribers), subscribers),
        Checker(db, registry),
    )
