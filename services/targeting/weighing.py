"""Says whom an expression means now: within a slice, or among given uids."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.targeting.domain.expressions import (
    Crowd,
    Expression,
    find_drivers,
    find_meant,
    narrow,
    tag_names,
)
from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.registry import Chunk, Recipients
from services.targeting.domain.slices import MAX_RESOLVED, Rest, Slice
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.domain.targets import Everyone
from services.targeting.driving import Drivers
from services.targeting.store import audience, opt_outs, tags
from services.targeting.streaming import Part, stream_slice

C = TypeVar("C", bound=Chunk)


class Weigher(Generic[C]):
    """Candidates come from the tags that drive, or from registry; then they are weighed by uid."""

    def __init__(self, db: AsyncEngine, drivers: Drivers, recipients: Recipients[C]) -> None:
        self._db = db
        self._drivers = drivers
        self._recipients = recipients

    async def resolve_slice(
        self, app_id: UUID, expression: Expression, piece: Slice
    ) -> AsyncGenerator[Part[C], None]:
        """Whom the expression means within a slice; last, perhaps, where the rest begins."""
        narrowed = None if piece.platform is None else narrow(expression, piece.platform)
        if piece.platform is not None and narrowed is None:
            return
        drivers = None if narrowed is None else await self._drivers.choose(app_id, narrowed)
        parts = (
            self._among_everyone(app_id, expression, piece)
            if narrowed is None or drivers is None
            else self._among_tagged(app_id, narrowed, drivers, piece)
        )
        async with aclosing(parts):
            async for part in parts:
                yield part

    async def resolve_uids(
        self, app_id: UUID, expression: Expression, uids: Sequence[int]
    ) -> AsyncGenerator[C, None]:
        """Those of the uids, ascending, whom the expression means."""
        async with aclosing(self._recipients.among(app_id, uids)) as chunks:
            async for chunk in chunks:
                if wanted := await self._weigh_chunk(app_id, expression, chunk, PLATFORMS):
                    yield wanted

    async def _among_tagged(
        self, app_id: UUID, narrowed: Expression, drivers: Sequence[str], piece: Slice
    ) -> AsyncGenerator[Part[C], None]:
        platforms = PLATFORMS if piece.platform is None else (piece.platform,)
        async with self._db.connect() as connection:
            ids = await self._find_tags(connection, app_id, narrowed)
            driving = [ids[name] for name in drivers if name in ids]
            uids = await audience.members(
                connection, app_id, driving, platforms, piece, MAX_RESOLVED + 1
            )
            candidates = uids[:MAX_RESOLVED]
            meant = await self._weigh(connection, app_id, narrowed, ids, candidates)
        wanted = [uid for uid in candidates if uid in meant]
        if wanted:
            async with aclosing(self._recipients.among(app_id, wanted)) as chunks:
                async for chunk in chunks:
                    yield chunk
        if len(uids) > MAX_RESOLVED:
            yield Rest(candidates[-1])

    async def _among_everyone(
        self, app_id: UUID, expression: Expression, piece: Slice
    ) -> AsyncGenerator[Part[C], None]:
        platforms = PLATFORMS if piece.platform is None else (piece.platform,)
        parts = stream_slice(self._recipients, app_id, Everyone(), piece)
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Rest):
                    yield part
                elif wanted := await self._weigh_chunk(app_id, expression, part, platforms):
                    yield wanted

    async def _weigh_chunk(
        self, app_id: UUID, expression: Expression, chunk: C, platforms: Sequence[Platform]
    ) -> C:
        meant: set[int] = set()
        for platform in platforms:
            narrowed = narrow(expression, platform)
            here = chunk.uids if len(platforms) == 1 else chunk.on((platform,)).uids
            if narrowed is None or not here:
                continue
            async with self._db.connect() as connection:
                ids = await self._find_tags(connection, app_id, narrowed)
                meant |= await self._weigh(connection, app_id, narrowed, ids, here)
        return chunk if len(meant) == len(chunk) else chunk.keep(meant)

    async def _find_tags(
        self, connection: AsyncConnection, app_id: UUID, narrowed: Expression
    ) -> dict[str, int]:
        return await tags.ids_of(connection, app_id, list(dict.fromkeys(tag_names(narrowed))))

    async def _weigh(
        self,
        connection: AsyncConnection,
        app_id: UUID,
        narrowed: Expression,
        ids: dict[str, int],
        uids: Sequence[int],
    ) -> frozenset[int]:
        tagged = await audience.holdings(connection, app_id, list(ids.values()), uids)
        out = await opt_outs.among(connection, app_id, uids) if _asks_for_opt_outs(narrowed) else ()
        by_name = {name: frozenset(tagged.get(tag_id, ())) for name, tag_id in ids.items()}
        return find_meant(narrowed, Crowd(frozenset(uids), by_name, frozenset(out)))


def _asks_for_opt_outs(narrowed: Expression) -> bool:
    """Whether it matters who has opted out: not where everybody meant has a tag that is named."""
    return PUSH_ALL in tag_names(narrowed) or find_drivers(narrowed, lambda _: 0) is None
