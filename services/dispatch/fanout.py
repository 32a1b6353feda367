"""Posts events to the webhooks that want to be told of them, as the REST API words them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.webhooks import Event, EventKind
from services.dispatch.store import events, webhooks
from services.kit.vault import Vault

TYPES = {
    EventKind.DEVICE_REGISTERED: "onDeviceRegister",
    EventKind.DEVICE_UPDATED: "onDeviceUpdate",
    EventKind.DEVICE_UNREGISTERED: "onDeviceUnregister",
    EventKind.SUBSCRIBED: "onSubscribe",
    EventKind.UNSUBSCRIBED: "onUnsubscribe",
    EventKind.NOTIFICATION_STATUS: "onNotificationStatusChange",
    EventKind.NOTIFICATION_SENT: "onNotificationSent",
    EventKind.NOTIFICATION_FAILED: "onNotificationFailure",
}


class FanOut:
    def __init__(self, vault: Vault, clock: Callable[[], datetime], patience: timedelta) -> None:
        self._vault = vault
        self._clock = clock
        self._patience = patience

    async def post(self, tx: AsyncConnection, happened: Sequence[Event]) -> int:
        """Post each event to every webhook that wants it; return how many were posted."""
        listeners = await webhooks.lock(tx, {event.app_id for event in happened})
        drafts = [
            events.Draft(
                ear.webhook_id, ear.app_id, write_body(event), event.time, event.trace_parent
            )
            for event in happened
            for ear in listeners
            if ear.wants(event)
        ]
        if drafts:
            await events.add(tx, self._vault, drafts, self._clock() + self._patience)
            await webhooks.wake(tx, {draft.webhook_id for draft in drafts})
        return len(drafts)


def write_body(event: Event) -> bytes:
    return msgspec.json.encode(
        {
            "type": TYPES[event.kind],
            "entity": event.entity,
            "applicationId": str(event.app_id),
            "eventTimeStamp": int(event.time.timestamp() * 1000),
        }
    )
