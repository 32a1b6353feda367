"""Lists who hears broadcasts: registry's devices, less who has opted out."""

from contextlib import aclosing
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.registry import Chunk, Recipients
from services.targeting.domain.slices import MAX_RESOLVED, MAX_UID, Slice
from services.targeting.domain.subscriptions import NO_TAG
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.domain.targets import Everyone
from services.targeting.store import opt_outs
from services.targeting.store.listings import Row, Stretch


class Listeners:
    """The subscription to broadcasts is no row of ours, so its list is read from registry."""

    def __init__(self, db: AsyncEngine, registry: Recipients[Chunk]) -> None:
        self._db = db
        self._registry = registry

    async def list_rows(self, app_id: UUID, window: Stretch) -> list[Row]:
        """The part of the list in `window`."""
        wanted = window.skip + window.limit
        piece = _beyond(window)
        found: list[int] = []
        while len(found) < wanted and piece.through_uid > piece.after_uid:
            uids = await self._next(app_id, piece, backward=window.backward)
            if not uids:
                break
            async with self._db.connect() as connection:
                out = frozenset(await opt_outs.among(connection, app_id, uids))
            found += [uid for uid in uids if uid not in out]
            piece = _rest(piece, uids[-1], backward=window.backward)
        return [Row(uid, NO_TAG, PUSH_ALL) for uid in found[window.skip : wanted]]

    async def _next(self, app_id: UUID, piece: Slice, *, backward: bool) -> list[int]:
        within = self._registry.within(app_id, Everyone(), piece, MAX_RESOLVED, backward=backward)
        async with aclosing(within) as chunks:
            return [uid async for chunk in chunks for uid in chunk.uids]


def _beyond(window: Stretch) -> Slice:
    everybody = Slice(None, 0, MAX_UID)
    if window.position is None:
        return everybody
    return _rest(everybody, window.position[0], backward=window.backward)


def _rest(piece: Slice, uid: int, *, backward: bool) -> Slice:
    """What of a stretch lies beyond a uid."""
    if backward:
        return Slice(None, piece.after_uid, max(uid - 1, 0))
    return Slice(None, uid, piece.through_uid)
