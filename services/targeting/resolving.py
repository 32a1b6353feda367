"""Says who is meant now: within a slice, or among given uids."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.registry import Chunk, Identities, Recipients
from services.targeting.domain.slices import MAX_RESOLVED, Rest, Slice
from services.targeting.domain.targets import (
    Everyone,
    OfDevices,
    OfExpression,
    OfPlatforms,
    OfTags,
    OfUsers,
    Target,
    meaning,
)
from services.targeting.store import audience, opt_outs, tags
from services.targeting.streaming import Part, stream_slice
from services.targeting.subscribers import Subscribers
from services.targeting.weighing import Weigher

C = TypeVar("C", bound=Chunk)


class Resolver(Generic[C]):
    """Answers are streamed chunk by chunk, as registry gives them, less who is not meant."""

    def __init__(
        self,
        db: AsyncEngine,
        recipients: Recipients[C],
        identities: Identities,
        weigher: Weigher[C],
        subscribers: Subscribers,
    ) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._recipients = recipients
        self._identities = identities
        self._weigher = weigher
        self._subscribers = subscribers

    def resolve_slice(
        self, app_id: UUID, target: Target, piece: Slice
    ) -> AsyncGenerator[Part[C], None]:
        """Whom the target means within a slice; last, perhaps, where the rest begins."""
        asked = meaning(target)
        if isinstance(asked, OfTags):
            return self._subscribed(app_id, asked.names, piece)
        if isinstance(asked, OfExpression):
            return self._weigher.resolve_slice(app_id, asked.expression, piece)
        if isinstance(asked, OfPlatforms):
            return self._broadcast(app_id, asked.platforms, piece)
        if isinstance(asked, Everyone):
            return self._broadcast(app_id, PLATFORMS, piece)
        return stream_slice(self._recipients, app_id, asked, piece)

    def resolve_uids(
        self, app_id: UUID, target: Target, uids: Sequence[int]
    ) -> AsyncGenerator[C, None]:
        """Those of the uids, ascending, whom the target means."""
        asked = meaning(target)
        if isinstance(asked, OfExpression):
            return self._weigher.resolve_uids(app_id, asked.expression, uids)
        return self._among(app_id, asked, uids)

    async def _among(
        self, app_id: UUID, asked: Target, uids: Sequence[int]
    ) -> AsyncGenerator[C, None]:
        meant = await self._meant(app_id, asked, uids)
        if not meant:
            return
        platforms = asked.platforms if isinstance(asked, OfPlatforms) else PLATFORMS
        async with aclosing(self._recipients.among(app_id, meant)) as chunks:
            async for chunk in chunks:
                if wanted := _on(chunk, platforms):
                    yield wanted

    async def _meant(self, app_id: UUID, asked: Target, uids: Sequence[int]) -> list[int]:
        if isinstance(asked, OfTags):
            return await self._holders(app_id, asked.names, uids)
        if isinstance(asked, OfUsers | OfDevices):
            devices = await self._identities.by_uids(app_id, uids)
            names = frozenset(asked.names)
            by_user = isinstance(asked, OfUsers)
            return [d.uid for d in devices if (d.user_id if by_user else d.device_id) in names]
        async with self._reads.connect() as connection:
            out = frozenset(await opt_outs.among(connection, app_id, uids))
        return [uid for uid in uids if uid not in out]

    async def _holders(self, app_id: UUID, names: Sequence[str], uids: Sequence[int]) -> list[int]:
        async with self._reads.connect() as connection:
            tag_ids = (await tags.ids_of(connection, app_id, names)).values()
            return await audience.holders(connection, app_id, list(tag_ids), uids)

    async def _subscribed(
        self, app_id: UUID, names: Sequence[str], piece: Slice
    ) -> AsyncGenerator[Part[C], None]:
        uids = await self._subscribers.members(app_id, names, piece)
        meant = uids[:MAX_RESOLVED]
        if meant:
            async with aclosing(self._recipients.among(app_id, meant)) as chunks:
                async for chunk in chunks:
                    yield chunk
        if len(uids) > len(meant):
            yield Rest(meant[-1])

    async def _broadcast(
        self, app_id: UUID, platforms: Collection[Platform], piece: Slice
    ) -> AsyncGenerator[Part[C], None]:
        if piece.platform is not None:
            if piece.platform not in platforms:
                return
            platforms = PLATFORMS  # the slice sees to it
        out = await self._subscribers.who_is_out(app_id, piece)
        async with aclosing(stream_slice(self._recipients, app_id, Everyone(), piece)) as parts:
            async for part in parts:
                if isinstance(part, Rest):
                    yield part
                    continue
                wanted = await self._less(app_id, _on(part, platforms), out)
                if wanted is part or wanted:
                    yield wanted

    async def _less(self, app_id: UUID, chunk: C, out: frozenset[int] | None) -> C:
        """The chunk without who is out: itself, unread, where nobody is."""
        if out is None:
            async with self._reads.connect() as connection:
                out = frozenset(await opt_outs.among(connection, app_id, chunk.uids))
        if not out or out.isdisjoint(chunk.uids):
            return chunk
        return chunk.keep([uid for uid in chunk.uids if uid not in out])


def _on(chunk: C, platforms: Collection[Platform]) -> C:
    return chunk if len(platforms) == len(PLATFORMS) else chunk.on(platforms)
