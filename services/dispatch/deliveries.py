"""What came of a message on each device: the ledger, joined with receipts at reading."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Message
from services.dispatch.domain.outcomes import Delivery, Outcome, OutcomeCount
from services.dispatch.domain.rooms import Directory, Identity
from services.dispatch.domain.segments import Segment, unpack
from services.dispatch.store import ledger, receipts

# Segments read at a time: their uids must be merged, because platforms share the uid axis.
SEGMENTS = 64


async def page(
    connection: AsyncConnection, app_id: UUID, message_id: str, *, after_uid: int, limit: int
) -> list[Delivery]:
    """Up to `limit` deliveries beyond `after_uid`, by uid."""
    found: dict[int, Delivery] = {}
    segments = SEGMENTS
    while True:
        read = await ledger.read(
            connection, app_id, message_id, after_uid=after_uid, limit=segments + 1
        )
        # Beyond the first uid of a segment that was not read, uids may be missing.
        bound = read[segments][0].first_uid if len(read) > segments else None
        found = {
            delivery.uid: delivery
            for delivery in _unpack_all(read[:segments])
            if delivery.uid > after_uid and (bound is None or delivery.uid < bound)
        }
        if bound is None or len(found) >= limit:
            break
        segments *= 4
    chosen = [found[uid] for uid in sorted(found)[:limit]]
    return await _join_receipts(connection, app_id, message_id, chosen)


async def of_devices(
    connection: AsyncConnection,
    directory: Directory,
    message: Message,
    devices: Sequence[Identity],
) -> list[Delivery]:
    """What came of a message on these devices; PENDING where the target means one still."""
    uids = sorted(device.uid for device in devices)
    wanted = set(uids)
    segments = await ledger.find(connection, message.app_id, message.message_id, uids)
    found = {each.uid: each for each in _unpack_all(segments) if each.uid in wanted}
    missing = [uid for uid in uids if uid not in found]
    if missing and message.end_time is None:
        meant = await directory.is_meant(message.app_id, message.target, missing)
        platforms = {device.uid: device.platform for device in devices}
        for uid in meant:
            found[uid] = Delivery(uid, platforms[uid], Outcome.PENDING, "", message.create_time)
    known = [found[uid] for uid in sorted(found)]
    joined = await _join_receipts(connection, message.app_id, message.message_id, known)
    early = [uid for uid in missing if uid not in found]
    joined += await _only_receipts(connection, message, early)
    return sorted(joined, key=lambda each: each.uid)


async def report(connection: AsyncConnection, app_id: UUID, message_id: str) -> list[OutcomeCount]:
    """Counts by platform, outcome and reason: each device once, where it has come furthest."""
    counted = await ledger.count(connection, app_id, message_id)
    seen = await receipts.count(connection, app_id, message_id)
    further: dict[int, int] = {}
    for receipt in seen:
        further[receipt.platform] = further.get(receipt.platform, 0) + receipt.count
    counts = []
    for each in counted:
        if each.outcome is Outcome.SENT:
            left = max(each.count - further.get(each.platform, 0), 0)
            if left:
                counts.append(OutcomeCount(each.platform, each.outcome, each.reason, left))
        else:
            counts.append(each)
    return counts + seen


async def count(connection: AsyncConnection, app_id: UUID, message_id: str) -> int:
    """How many deliveries are on record."""
    counted = await ledger.count(connection, app_id, message_id)
    return sum(each.count for each in counted)


def _unpack_all(segments: Iterable[tuple[Segment, datetime]]) -> Iterable[Delivery]:
    for segment, write_time in segments:
        for result in unpack(segment):
            yield Delivery(result.uid, result.platform, result.outcome, result.reason, write_time)


async def _join_receipts(
    connection: AsyncConnection, app_id: UUID, message_id: str, found: Sequence[Delivery]
) -> list[Delivery]:
    """A receipt outranks what we know ourselves: the device has it."""
    if not found:
        return []
    uids = [delivery.uid for delivery in found]
    received = await receipts.find(connection, app_id, message_id, uids)
    return [
        Delivery(each.uid, each.platform, received[each.uid][1], "", received[each.uid][2])
        if each.uid in received
        else each
        for each in found
    ]


async def _only_receipts(
    connection: AsyncConnection, message: Message, uids: Sequence[int]
) -> list[Delivery]:
    """Devices that reported before the checkpoint that will say they were sent to."""
    if not uids:
        return []
    received = await receipts.find(connection, message.app_id, message.message_id, uids)
    return [
        Delivery(uid, platform, outcome, "", update_time)
        for uid, (platform, outcome, update_time) in received.items()
    ]
