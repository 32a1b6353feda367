"""The dismisser takes what was opened on one phone off the same user's other phones.

What devices were meant to tell each other, they cannot any more: Google has no upstream messages.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import Bell, work
from services.dispatch.domain.content import AndroidOptions, AndroidPriority, Content
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.messages import Message, Submission, Target, TargetKind
from services.dispatch.domain.outcomes import Opening
from services.dispatch.domain.rooms import Identities
from services.dispatch.store import dismissals, intake

log = structlog.get_logger()

POLL_SECONDS = 1.0
BATCH = 250
# It shows nothing, and need not wake a phone that sleeps.
PATIENT = AndroidOptions(priority=AndroidPriority.LOW)


class Dismisser:
    """Several may run: the openings of a message are worked on by one at a time."""

    def __init__(
        self,
        db: AsyncEngine,
        registry: Identities,
        clock: Callable[[], datetime],
        *,
        ring_parcels: Callable[[], None],
    ) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock
        self._ring_parcels = ring_parcels

    async def run(self) -> None:
        await work("dismisser", self.dismiss, Bell(), POLL_SECONDS)

    async def dismiss(self) -> bool:
        """Send one message for some openings of another; whether there may be more.

        The openings go in the transaction in which it is accepted, or not at all.
        """
        with suppress_instrumentation():
            async with self._db.begin() as tx:
                openings = await dismissals.take(tx, BATCH)
                if not openings:
                    return False
                try:
                    user_ids = await self._who_opened(openings)
                except RoomUnavailable:
                    log.warning("dismissals.wait", message_id=openings[0].message_id)
                    return False
                if user_ids:
                    await intake.accept(tx, [self._write(openings, user_ids)])
                await dismissals.delete(tx, openings)
        self._ring_parcels()
        return True

    async def _who_opened(self, openings: Sequence[Opening]) -> list[str]:
        """Users only: a device without one has no other to be told."""
        uids = [each.uid for each in openings]
        known = await self._registry.identify_uids(openings[0].app_id, uids)
        return list(dict.fromkeys(device.user_id for device in known if device.user_id))

    def _write(self, openings: Sequence[Opening], user_ids: Sequence[str]) -> Message:
        content = Content(
            alert="",
            android=PATIENT,
            dismisses=openings[0].message_id,
            spared_uids=tuple(each.uid for each in openings),
        )
        target = Target(TargetKind.USERS, names=tuple(user_ids))
        submission = Submission(openings[0].app_id, content, target, annotation="", trace_parent="")
        return submission.accepted(self._clock())
