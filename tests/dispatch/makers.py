"""Messages, parcels and results to try things with."""

import base64
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.content import Content
from services.dispatch.domain.ids import new_message_id
from services.dispatch.domain.messages import (
    Message,
    Platform,
    Status,
    Submission,
    Target,
    TargetKind,
)
from services.dispatch.domain.outcomes import Outcome, Result, by_manner
from services.dispatch.domain.parcels import WHOLE_AXIS, Lane, Parcel, ParcelState, Recipient
from services.dispatch.gateways.asking import Questioner
from services.dispatch.gateways.pool import Gateway
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import Verdict
from services.dispatch.store import checkpoints
from services.dispatch.store import parcels as parcel_store
from services.dispatch.store.checkpoints import Entry
from services.dispatch.store.tables import parcels
from services.dispatch.wire import Request, Wire
from tests.conftest import NOON

APP = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
OTHER_APP = UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
PAID = Content(alert="Paid: 12 EUR")
EVERYONE = Target(TargetKind.EVERYONE)


def to_devices(*device_ids: str) -> Target:
    return Target(TargetKind.DEVICES, names=device_ids)


def to_users(*user_ids: str) -> Target:
    return Target(TargetKind.USERS, names=user_ids)


def to_platforms(*platforms: Platform) -> Target:
    return Target(TargetKind.PLATFORMS, platforms=platforms)


def a_submission(
    target: Target = EVERYONE, content: Content = PAID, app_id: UUID = APP
) -> Submission:
    return Submission(app_id, content, target, annotation="", trace_parent="")


def a_message(
    target: Target = EVERYONE,
    *,
    content: Content = PAID,
    app_id: UUID = APP,
    now: datetime = NOON,
    status: Status | None = None,
) -> Message:
    if status is None:
        return a_submission(target, content, app_id).accepted(now)
    return Message(app_id, new_message_id(), content, target, "", status, now, None, "")


async def lease_new(tx: AsyncConnection, message: Message) -> list[Parcel]:
    """A parcel of the message, in somebody's hands."""
    row = {
        "app_id": message.app_id,
        "message_id": message.message_id,
        "lane": Lane.BULK,
        "place": 0,
        "platform": Platform.IOS,
        "after_uid": 0,
        "through_uid": WHOLE_AXIS,
        "attempt": 0,
        "first_time": message.create_time,
        "state": ParcelState.READY,
    }
    await tx.execute(sa.insert(parcels), row)
    return await parcel_store.lease(tx, Lane.BULK, 1, timedelta(minutes=1))


async def put_on_record(tx: AsyncConnection, message: Message, results: Iterable[Result]) -> None:
    """Outcomes as if a parcel of theirs had been delivered."""
    (parcel,) = await lease_new(tx, message)
    await checkpoints.record(tx, [Entry(parcel, by_manner(results), ends=True)])


def sent(*uids: int, platform: Platform = Platform.IOS) -> list[Result]:
    return [Result(uid, platform, Outcome.SENT) for uid in uids]


def a_recipient(address: str, platform: Platform = Platform.IOS, uid: int = 1) -> Recipient:
    return Recipient(uid, platform, address)


def rendered(gateway: Gateway, message: Message, platform: Platform = Platform.IOS) -> Rendered:
    """How a message that is not refused looks to a gateway."""
    looks = gateway.render(message, platform)
    assert isinstance(looks, Rendered)
    return looks


async def request_for(
    gateway: Gateway, message: Message, looks: Rendered, recipient: Recipient
) -> Request:
    await gateway.prepare()
    (request,) = gateway.write(message, looks, recipient.platform, [recipient])
    assert request is not None
    return request


async def ask(
    wire: Wire,
    gateway: Gateway,
    message: Message,
    looks: Rendered,
    recipient: Recipient,
    clock: Callable[[], datetime],
) -> Verdict:
    """What the gateway makes of a notification, in the end; its other environment is not asked."""
    questioner = Questioner(wire, gateway, message, looks, clock, may_flip=lambda: False)
    return (await questioner.ask(recipient)).verdict


def claims(token: str) -> dict[str, Any]:
    """What a signed token says; whether it is signed well is asked elsewhere."""
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
