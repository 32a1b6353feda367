"""Who is subscribed, and who has left broadcasts: read for many slices at once."""

from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.sharing import Sharing
from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.slices import MAX_RESOLVED, Slice
from services.targeting.store import audience, opt_outs, tags

Asked: TypeAlias = tuple[UUID, tuple[str, ...], Platform | None]


class Subscribers:
    """Slices that are asked for at the same time share a statement and a connection."""

    def __init__(self, db: AsyncEngine) -> None:
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._members: Sharing[Asked, Slice, list[int]] = Sharing(self._read_members)
        self._outs: Sharing[UUID, Slice, list[int]] = Sharing(self._read_outs)

    async def members(self, app_id: UUID, names: Sequence[str], piece: Slice) -> list[int]:
        """The lowest uids in a slice that have one of the tags: one more than are resolved."""
        return await self._members.ask((app_id, tuple(names), piece.platform), piece)

    async def who_is_out(self, app_id: UUID, piece: Slice) -> frozenset[int] | None:
        """Who has opted out in a stretch; None if they are too many to hold."""
        out = await self._outs.ask(app_id, piece)
        return frozenset(out) if len(out) <= MAX_RESOLVED else None

    async def _read_members(self, kind: Asked, pieces: Sequence[Slice]) -> list[list[int]]:
        app_id, names, platform = kind
        platforms = PLATFORMS if platform is None else (platform,)
        async with self._reads.connect() as connection:
            tag_ids = list((await tags.ids_of(connection, app_id, names)).values())
            return await audience.members(
                connection, app_id, tag_ids, platforms, pieces, MAX_RESOLVED + 1
            )

    async def _read_outs(self, app_id: UUID, pieces: Sequence[Slice]) -> list[list[int]]:
        async with self._reads.connect() as connection:
            return await opt_outs.within(connection, app_id, pieces, MAX_RESOLVED + 1)
