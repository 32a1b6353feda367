"""Cuts the subscribers of tags into slices, by our own index, in bounded memory."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.slices import MAX_UID, Cut, Slice
from services.targeting.store import audience, tags
from services.targeting.store.audience import Share, Stretch

SLICE_SIZE = 500
MAX_SLICES = 200
# How many subscriptions one statement reads at most; it aims at half of it.
MAX_ROWS = 50_000
FIRST_WIDTH = 25_000
MAX_GROWTH = 8
SHRINKAGE = 4


class TagCutter:
    """Reads the uid axis a stretch at a time, as wide as the subscribers stand dense.

    Each slice but the last of a platform holds exactly `slice_size` subscribers, so that the
    slices are the same wherever cutting was taken up again.
    """

    def __init__(
        self, db: AsyncEngine, *, slice_size: int = SLICE_SIZE, max_rows: int = MAX_ROWS
    ) -> None:
        self._db = db
        self._slice_size = slice_size
        self._max_rows = max_rows

    async def cut(
        self,
        app_id: UUID,
        names: Sequence[str],
        resume_token: str,
        platforms: Sequence[Platform] = PLATFORMS,
    ) -> AsyncGenerator[Cut, None]:
        """Slices in (platform, uid) order; names that are no tags have no subscribers."""
        async with self._db.connect() as connection:
            tag_ids = sorted((await tags.ids_of(connection, app_id, names)).values())
        first, after_uid = _read_place(resume_token, platforms)
        for platform in platforms[platforms.index(first) :] if tag_ids else ():
            stretch = Stretch(app_id, tag_ids, platform, after_uid, MAX_UID)
            ready: list[Slice] = []
            async for piece in self._cut_platform(stretch):
                ready.append(piece)
                if len(ready) == MAX_SLICES:
                    yield _bundle(ready)
                    ready = []
            if ready:
                yield _bundle(ready)
            after_uid = 0

    async def _cut_platform(self, stretch: Stretch) -> AsyncGenerator[Slice, None]:
        after_uid, through_uid, count = stretch.after_uid, 0, 0
        async for share in self._shares(stretch):
            through_uid = share.through_uid
            count += share.count
            if count == self._slice_size:
                yield Slice(stretch.platform, after_uid, through_uid, count)
                after_uid, count = through_uid, 0
        if count:
            yield Slice(stretch.platform, after_uid, through_uid, count)

    async def _shares(self, stretch: Stretch) -> AsyncGenerator[Share, None]:
        async with self._db.connect() as connection:
            ends = await audience.bounds(connection, stretch)
        if ends is None:
            return
        at, last = ends[0] - 1, ends[1]
        # One uid has a row for each tag at most: so narrow, a stretch must be readable.
        max_rows = max(self._max_rows, len(stretch.tag_ids))
        width, carried = FIRST_WIDTH, 0
        while at < last:
            through = min(at + width, last)
            here = replace(stretch, after_uid=at, through_uid=through)
            async with self._db.connect() as connection:
                reading = await audience.share_out(
                    connection, here, size=self._slice_size, carried=carried, max_rows=max_rows
                )
            if reading.shares is None:
                width = max(1, width // SHRINKAGE)
                continue
            for share in reading.shares:
                yield share
            carried = (carried + sum(s.count for s in reading.shares)) % self._slice_size
            at = through
            width = _fit(width, reading.rows, max_rows)


def _fit(width: int, rows: int, max_rows: int) -> int:
    """The width at which the next stretch holds half of what may be read, by what this one held."""
    # Over a stretch without anyone it always widens, or a gap would be crossed uid by uid.
    growth = min(MAX_GROWTH, max_rows / 2 / rows) if rows else MAX_GROWTH
    return max(1, int(width * growth))


def _bundle(slices: Sequence[Slice]) -> Cut:
    last = slices[-1]
    platform = last.platform.value if last.platform else ""
    return Cut(tuple(slices), f"{platform} {last.through_uid}")


def _read_place(resume_token: str, platforms: Sequence[Platform]) -> tuple[Platform, int]:
    if not resume_token:
        return platforms[0], 0
    platform, uid = resume_token.split()
    return Platform(platform), int(uid)
