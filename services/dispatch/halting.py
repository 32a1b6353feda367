"""Messages are stopped under way here, and senders told so at once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.faults import MessageEnded
from services.dispatch.domain.messages import Message
from services.dispatch.store import halts

log = structlog.get_logger()


class Halting:
    """Requests under way end; of what has not begun, nothing begins within a second."""

    def __init__(
        self,
        db: AsyncEngine,
        clock: Callable[[], datetime],
        patience: timedelta,
        *,
        ring_halts: Callable[[], None],
        ring_plans: Callable[[], None],
        ring_parcels: Callable[[], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._patience = patience
        self._ring_halts = ring_halts
        self._ring_plans = ring_plans
        self._ring_parcels = ring_parcels

    async def pause(self, message: Message) -> None:
        """Raises MessageEnded. Its time goes on running: what is left then ends as EXPIRED."""
        async with self._db.begin() as tx:
            if not await halts.pause(tx, message, message.deadline(self._patience)):
                raise MessageEnded(message.message_id)
        self._ring_halts()
        log.info("message.paused", message_id=message.message_id)

    async def resume(self, message: Message) -> None:
        """Raises MessageEnded."""
        async with self._db.begin() as tx:
            if not await halts.resume(tx, message):
                raise MessageEnded(message.message_id)
        self._ring_plans()
        self._ring_parcels()
        log.info("message.resumed", message_id=message.message_id)

    async def cancel(self, message: Message) -> None:
        """Whether or not it has ended: what was sent stays on record."""
        async with self._db.begin() as tx:
            await halts.cancel(tx, message, self._clock())
        self._ring_halts()
        log.info("message.cancelled", message_id=message.message_id)
