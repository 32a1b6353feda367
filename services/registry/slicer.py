"""Cuts an audience into slices of the uid axis, one platform after the other."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from services.registry.domain.recipient import Audience, Place, Slice
from services.registry.store import recipients

CUTS_AT_ONCE = 100


class Slicer:
    """Holds no connection while the caller is busy with what it was given."""

    def __init__(self, db: AsyncEngine) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")

    async def cut(
        self, audience: Audience, size: int, start: Place | None = None
    ) -> AsyncIterator[tuple[list[Slice], Place]]:
        """Yield slices with the place to go on from, in the order of (platform, uid).

        Within a platform each slice begins where the one before it ended, the first at 0 and the
        last ending at the highest uid found: together they cover what was there, each once.
        """
        platforms = audience.platforms
        place = start or Place(platforms[0], 0)
        for platform in platforms[platforms.index(place.platform) :]:
            after_uid = place.uid if platform is place.platform else 0
            is_cut_up = False
            while not is_cut_up:
                slices = await self._cut_some(audience, Place(platform, after_uid), size)
                is_cut_up = len(slices) < CUTS_AT_ONCE
                if slices:
                    after_uid = slices[-1].through_uid
                    yield slices, Place(platform, after_uid)

    async def _cut_some(self, audience: Audience, place: Place, size: int) -> list[Slice]:
        async with self._reads.connect() as tx:
            return await recipients.cut(
                tx,
                audience.app_id,
                audience.filter,
                place.platform,
                after_uid=place.uid,
                size=size,
                limit=CUTS_AT_ONCE,
            )
