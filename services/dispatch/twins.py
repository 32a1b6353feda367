"""Who is sent to only once, although two devices of the target share an address."""

from collections.abc import Sequence
from uuid import UUID

from services.dispatch.domain.messages import Target
from services.dispatch.domain.parcels import Recipient
from services.dispatch.domain.rooms import Audience


async def find_duplicates(
    audience: Audience, app_id: UUID, target: Target, recipients: Sequence[Recipient]
) -> set[int]:
    """The uids whose newer twin is meant too, and still has the address. Nearly always none.

    Raises:
        RoomUnavailable: if targeting does not answer, who is asked only where there are twins.
    """
    older = [recipient for recipient in recipients if recipient.newer_twin_uid]
    if not older:
        return set()
    addresses = {recipient.uid: recipient.address for recipient in recipients}
    unknown = sorted({each.newer_twin_uid for each in older} - addresses.keys())
    if unknown:
        async for chunk in audience.resolve_uids(app_id, target, unknown):
            addresses |= {recipient.uid: recipient.address for recipient in chunk.recipients}
    return {each.uid for each in older if addresses.get(each.newer_twin_uid) == each.address}
