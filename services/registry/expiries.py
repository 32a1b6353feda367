"""Looks at the gateways' credentials from time to time: which end soon, and which are refused."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.database import is_outage
from services.registry.store import gateways
from services.registry.store.gateways import Expiry

log = structlog.get_logger()

WARN_BEFORE = timedelta(days=30)
PAUSE_SECONDS = 300.0
# A line for each of them, so often.
LOG_AGAIN = timedelta(days=1)


class Expiries:
    """Every process looks for itself and tells the same: an alarm takes the least."""

    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._ending: list[Expiry] = []
        self._states: dict[tuple[str, str], int] = {}
        self._log_time = datetime.min.replace(tzinfo=clock().tzinfo)
        meter = metrics.get_meter("carillon.registry")
        meter.create_observable_gauge(
            "carillon.gateway.certificate.lifetime",
            [self._observe_ending],
            unit="s",
            description="Time until a certificate ends, of those that end within 30 days.",
        )
        meter.create_observable_gauge(
            "carillon.gateway.configurations",
            [self._observe_states],
            unit="{configuration}",
            description="Gateway configurations by kind and by what is known of them.",
        )

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("expiries.unseen", error=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def look(self) -> None:
        """Read what ends soon, and tell of it once a day."""
        now = self._clock()
        async with self._db.connect() as tx:
            self._ending = await gateways.list_expiring(tx, now + WARN_BEFORE)
            self._states = await gateways.count_states(tx)
        if now - self._log_time < LOG_AGAIN:
            return
        self._log_time = now
        for one in self._ending:
            log.warning(
                "gateway.expires",
                app_id=str(one.app_id),
                kind=one.kind.value,
                days=(one.expire_time - now).days,
            )

    def _observe_ending(self, _: CallbackOptions) -> Iterable[Observation]:
        now = self._clock()
        for one in self._ending:
            seconds = (one.expire_time - now).total_seconds()
            yield Observation(seconds, {"app_id": str(one.app_id), "gateway": one.kind.value})

    def _observe_states(self, _: CallbackOptions) -> Iterable[Observation]:
        for (kind, state), count in self._states.items():
            yield Observation(count, {"gateway": kind, "state": state})
