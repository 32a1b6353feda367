"""What came of a message on each device: the ledger, joined with receipts at reading."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Message
from services.dispatch.domain.outcomes import Delivery, Outcome, OutcomeCount, Place
from services.dispatch.domain.rooms import Directory, Identity
from services.dispatch.domain.segments import Segment, unpack
from services.dispatch.store import counts, ledger, receipts
from services.kit.paging import Window

# Segments read at a time; each holds up to a slice's outcomes.
SEGMENTS = 8
MAX_SEGMENTS = 256


async def page(
    connection: AsyncConnection, message: Message, window: Window[Place]
) -> list[tuple[Place, Delivery]]:
    """Deliveries with their places, in the window's direction and up to its limit."""
    wanted = window.skip + window.limit
    found: list[tuple[Place, Delivery]] = []
    at, segments = window.position, SEGMENTS
    while len(found) < wanted:
        read = await ledger.read(connection, message, at, backward=window.backward, limit=segments)
        for number, segment, write_time in read:
            found += [
                each
                for each in _unpack_placed(number, segment, write_time, backward=window.backward)
                if at is None or (each[0] < at if window.backward else each[0] > at)
            ]
        if len(read) < segments:
            break
        # One that begins where this one ended holds nothing before that place any more.
        at, segments = found[-1][0] if found else at, min(segments * 2, MAX_SEGMENTS)
    chosen = found[window.skip : wanted]
    joined = await _join_receipts(connection, message, [delivery for _, delivery in chosen])
    return [(place, each) for (place, _), each in zip(chosen, joined, strict=True)]


async def of_devices(
    connection: AsyncConnection,
    directory: Directory,
    message: Message,
    devices: Sequence[Identity],
) -> list[Delivery]:
    """What came of a message on these devices; PENDING where the target means one still."""
    uids = sorted(device.uid for device in devices)
    wanted = set(uids)
    segments = await ledger.find(connection, message, uids)
    found = {each.uid: each for each in _unpack_all(segments) if each.uid in wanted}
    missing = [uid for uid in uids if uid not in found]
    if missing and message.end_time is None:
        meant = await directory.is_meant(message.app_id, message.target, missing)
        platforms = {device.uid: device.platform for device in devices}
        for uid in meant:
            found[uid] = Delivery(uid, platforms[uid], Outcome.PENDING, "", message.create_time)
    known = [found[uid] for uid in sorted(found)]
    joined = await _join_receipts(connection, message, known)
    early = [uid for uid in missing if uid not in found]
    joined += await _only_receipts(connection, message, early)
    return sorted(joined, key=lambda each: each.uid)


async def report(connection: AsyncConnection, message: Message) -> list[OutcomeCount]:
    """Counts by platform, outcome and reason: each device once, where it has come furthest."""
    counted = await ledger.count(connection, message)
    seen = await counts.receipts_of(connection, message.app_id, message.message_id, message.day)
    further: dict[int, int] = {}
    for receipt in seen:
        further[receipt.platform] = further.get(receipt.platform, 0) + receipt.count
    found = []
    for each in counted:
        if each.outcome is Outcome.SENT:
            left = max(each.count - further.get(each.platform, 0), 0)
            if left:
                found.append(OutcomeCount(each.platform, each.outcome, each.reason, left))
        else:
            found.append(each)
    return found + seen


def _unpack_placed(
    number: int, segment: Segment, write_time: datetime, *, backward: bool
) -> list[tuple[Place, Delivery]]:
    placed = [
        ((number, place), delivery)
        for place, delivery in enumerate(_unpack_all([(segment, write_time)]))
    ]
    return placed[::-1] if backward else placed


def _unpack_all(segments: Iterable[tuple[Segment, datetime]]) -> Iterable[Delivery]:
    for segment, write_time in segments:
        for result in unpack(segment):
            yield Delivery(result.uid, result.platform, result.outcome, result.reason, write_time)


async def _join_receipts(
    connection: AsyncConnection, message: Message, found: Sequence[Delivery]
) -> list[Delivery]:
    """A receipt outranks what we know ourselves: the device has it."""
    if not found:
        return []
    uids = [delivery.uid for delivery in found]
    received = await receipts.find(connection, message, uids)
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
    received = await receipts.find(connection, message, uids)
    return [
        Delivery(uid, platform, outcome, "", update_time)
        for uid, (platform, outcome, update_time) in received.items()
    ]
