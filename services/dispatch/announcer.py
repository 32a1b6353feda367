"""The announcer tells webhooks what came of messages: a queue of news in, events out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.bell import Bell, work
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.messages import Message
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.platforms import CODES
from services.dispatch.domain.rooms import Identities
from services.dispatch.domain.webhooks import Event, EventKind
from services.dispatch.fanout import FanOut
from services.dispatch.store import messages, news
from services.dispatch.store.news import News

log = structlog.get_logger()

POLL_SECONDS = 1.0
BATCH = 100
# Devices that one event names.
MAX_DEVICES = 500
REACHED = {Outcome.SENT: "SENT", Outcome.SEEN: "SEEN", Outcome.OPEN: "OPEN"}
FAILED = "FAILED"

Names = dict[tuple[UUID, int], str]


class Announcer:
    """Several may run: each piece of news is told by one of them."""

    def __init__(
        self,
        db: AsyncEngine,
        registry: Identities,
        fan_out: FanOut,
        *,
        ring_caller: Callable[[], None],
    ) -> None:
        self._db = db
        self._registry = registry
        self._fan_out = fan_out
        self._ring_caller = ring_caller
        self.bell = Bell()

    async def run(self) -> None:
        await work("announcer", self.step, self.bell, POLL_SECONDS)

    async def step(self) -> bool:
        """Turn some news into events; whether there may be more.

        They leave the queue in the transaction that posts their events, or not at all.
        """
        with suppress_instrumentation():
            async with self._db.begin() as tx:
                taken = await news.take(tx, BATCH)
                if not taken:
                    return False
                merged = merge([each for _, each in taken])
                try:
                    names = await self._name_devices(merged)
                except RoomUnavailable:
                    log.warning("news.wait", news=len(taken))
                    return False
                origins = await _read_messages(tx, merged)
                happened = [
                    event
                    for each in merged
                    for event in tell(each, names, origins.get((each.app_id, each.message_id)))
                ]
                await self._fan_out.post(tx, happened)
                await news.delete(tx, [news_id for news_id, _ in taken])
        self._ring_caller()
        return len(taken) == BATCH

    async def _name_devices(self, merged: Sequence[News]) -> Names:
        """The ids of all these devices; who has ended still has one for a while."""
        uids: dict[UUID, set[int]] = {}
        for each in merged:
            uids.setdefault(each.app_id, set()).update(each.uids)
        return {
            (app_id, device.uid): device.device_id
            for app_id, wanted in uids.items()
            for device in await self._registry.identify_uids(app_id, sorted(wanted))
        }


def merge(taken: Sequence[News]) -> list[News]:
    """News that differ only in their devices as one, in the order of the first of them."""
    merged: dict[tuple[object, ...], News] = {}
    for one in taken:
        key = (one.app_id, one.message_id, one.platform, one.outcome, one.reason)
        known = merged.get(key)
        uids = one.uids if known is None else (*known.uids, *one.uids)
        merged[key] = replace(one if known is None else known, uids=uids)
    return list(merged.values())


def tell(one: News, names: Names, origin: Message | None) -> Iterator[Event]:
    """The events in which a piece of news is told: in today's words, and in those of 2017."""
    device_ids = [names[one.app_id, uid] for uid in one.uids if (one.app_id, uid) in names]
    word = REACHED.get(one.outcome, FAILED)
    wordings = [(EventKind.NOTIFICATION_STATUS, word)]
    if word == "SENT":
        wordings.append((EventKind.NOTIFICATION_SENT, "dispatched"))
    elif word == FAILED:
        wordings.append((EventKind.NOTIFICATION_FAILED, "failure"))
    for start in range(0, len(device_ids), MAX_DEVICES):
        for kind, status in wordings:
            entity = {
                "applicationId": str(one.app_id),
                "messageId": one.message_id,
                "platform": CODES[one.platform],
                "msgStatus": status,
                "deviceIds": device_ids[start : start + MAX_DEVICES],
            }
            if word == FAILED:
                entity["failureReason"] = one.reason or one.outcome.name
            trace_parent = origin.trace_parent if origin else ""
            yield Event(one.app_id, kind, entity, one.time, trace_parent)


async def _read_messages(
    tx: AsyncConnection, merged: Sequence[News]
) -> dict[tuple[UUID, str], Message]:
    ids: dict[UUID, set[str]] = {}
    for each in merged:
        ids.setdefault(each.app_id, set()).add(each.message_id)
    return {
        (app_id, message_id): message
        for app_id, wanted in ids.items()
        for message_id, message in (await messages.get_all(tx, app_id, sorted(wanted))).items()
    }
