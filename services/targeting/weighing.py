"""Says whom an expression means now: within a slice, or among given uids."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.sharing import Sharing
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
from services.targeting.subscribers import Subscribers

C = TypeVar("C", bound=Chunk)


class Weigher(Generic[C]):
    """Candidates come from the tags that drive, or from registry; then they are weighed by uid."""

    def __init__(
        self,
        db: AsyncEngine,
        drivers: Drivers,
        recipients: Recipients[C],
        subscribers: Subscribers,
    ) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._drivers = drivers
        self._recipients = recipients
        self._subscribers = subscribers
        self._weighings: Sharing[tuple[UUID, Expression], Sequence[int], frozenset[int]] = Sharing(
            self._weigh_all
        )

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
        uids = await self._subscribers.members(app_id, drivers, piece)
        candidates = uids[:MAX_RESOLVED]
        meant = await self._weigh(app_id, narrowed, candidates)
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
            meant |= await self._weigh(app_id, narrowed, here)
        return chunk if len(meant) == len(chunk) else chunk.keep(meant)

    async def _weigh(
        self, app_id: UUID, narrowed: Expression, uids: Sequence[int]
    ) -> frozenset[int]:
        return await self._weighings.ask((app_id, narrowed), uids) if uids else frozenset()

    async def _weigh_all(
        self, kind: tuple[UUID, Expression], crowds: Sequence[Sequence[int]]
    ) -> list[frozenset[int]]:
        """Crowds of one platform, weighed as one: nobody is changed by who else is there."""
        app_id, narrowed = kind
        uids = sorted({uid for crowd in crowds for uid in crowd})
        async with self._reads.connect() as connection:
            ids = await tags.ids_of(connection, app_id, list(dict.fromkeys(tag_names(narrowed))))
            tagged = await audience.holdings(connection, app_id, list(ids.values()), uids)
            out = (
                await opt_outs.among(connection, app_id, uids)
                if _asks_for_opt_outs(narrowed)
                else ()
            )
        by_name = {name: frozenset(tagged.get(tag_id, ())) for name, tag_id in ids.items()}
        meant = find_meant(narrowed, Crowd(frozenset(uids), by_name, frozenset(out)))
        return [meant.intersection(crowd) for crowd in crowds]


def _asks_for_opt_outs(narrowed: Expression) -> bool:
    """Whether it matters who has opted out: not where everybody meant has a tag that is named."""
    return PUSH_ALL in tag_names(narrowed) or find_drivers(narrowed, lambda _: 0) is None
