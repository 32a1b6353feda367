"""Chooses the tags by which an expression is cut and resolved: those that the fewest have."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.expressions import Expression, find_drivers, tag_names
from services.targeting.store import counts, tags

# A choice is right for as long as the numbers are roughly what they were, and never wrong.
KEEP_SECONDS = 60.0
MAX_KEPT = 1000


class Drivers:
    """Remembers its choices for a while: every slice of a message asks for the same one."""

    def __init__(self, db: AsyncEngine, monotonic: Callable[[], float]) -> None:
        self._db = db
        self._monotonic = monotonic
        self._kept: OrderedDict[tuple[UUID, Expression], tuple[float, tuple[str, ...] | None]] = (
            OrderedDict()
        )

    async def choose(self, app_id: UUID, narrowed: Expression) -> tuple[str, ...] | None:
        """The tags of which everybody meant has one; None if there need not be one."""
        if find_drivers(narrowed, lambda _: 0) is None:
            return None
        key, now = (app_id, narrowed), self._monotonic()
        until, drivers = self._kept.get(key, (now, None))
        if until <= now:
            sizes = await self._measure(app_id, narrowed)
            drivers = find_drivers(narrowed, lambda name: sizes.get(name, 0))
            self._kept[key] = (now + KEEP_SECONDS, drivers)
            self._kept.move_to_end(key)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return drivers

    async def _measure(self, app_id: UUID, narrowed: Expression) -> Mapping[str, int]:
        names = list(dict.fromkeys(tag_names(narrowed)))
        async with self._db.connect() as connection:
            ids = await tags.ids_of(connection, app_id, names)
            found = await counts.subscriptions_to(connection, app_id, list(ids.values()))
        return {name: found[tag_id] for name, tag_id in ids.items()}
