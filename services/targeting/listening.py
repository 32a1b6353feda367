"""Lists who hears broadcasts: registry's devices, less who has opted out."""

from contextlib import aclosing
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.registry import Chunk, Recipients
from services.targeting.domain.slices import MAX_RESOLVED, MAX_UID, Slice
from services.targeting.domain.subscriptions import Window
from services.targeting.domain.targets import PUSH_ALL, Everyone
from services.targeting.store import opt_outs
from services.targeting.store.listings import MAX_TOTAL, Rows


class Listeners:
    """The subscription to broadcasts is no row of ours, so its list is read from registry."""

    def __init__(self, db: AsyncEngine, registry: Recipients[Chunk]) -> None:
        self._db = db
        self._registry = registry

    async def list_page(self, app_id: UUID, window: Window) -> tuple[Rows, int]:
        """The part of the list in `window`, and about how many there are in all."""
        wanted = window.skip + window.limit
        after_uid, _ = window.after
        found: list[int] = []
        while len(found) < wanted:
            uids = await self._next(app_id, after_uid)
            if not uids:
                break
            async with self._db.connect() as connection:
                out = frozenset(await opt_outs.among(connection, app_id, uids))
            found += [uid for uid in uids if uid not in out]
            after_uid = uids[-1]
        rows = [(uid, PUSH_ALL) for uid in found[window.skip : wanted]]
        return rows, await self._count(app_id)

    async def _next(self, app_id: UUID, after_uid: int) -> list[int]:
        piece = Slice(None, after_uid, MAX_UID)
        within = self._registry.within(app_id, Everyone(), piece, MAX_RESOLVED)
        async with aclosing(within) as chunks:
            return [uid async for chunk in chunks for uid in chunk.uids]

    async def _count(self, app_id: UUID) -> int:
        """Opt-outs of devices that cannot be reached now are subtracted with the others."""
        async with self._db.connect() as connection:
            out = await opt_outs.count(connection, app_id)
        reachable = 0
        async with aclosing(self._registry.cut(app_id, Everyone(), (), "")) as cuts:
            async for cut in cuts:
                reachable += sum(piece.expected_count for piece in cut.slices)
                if reachable >= MAX_TOTAL + out:
                    break
        return max(0, min(reachable - out, MAX_TOTAL))
