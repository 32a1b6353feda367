"""Says what in a target does not exist."""

import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.expressions import tag_names
from services.targeting.domain.registry import Identities
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.domain.targets import OfDevices, OfExpression, OfTags, OfUsers, Target
from services.targeting.store import tags

# Registry is asked for users one by one; so many questions are under way at once.
MAX_QUESTIONS = 16


class Checker:
    def __init__(self, db: AsyncEngine, registry: Identities) -> None:
        self._db = db
        self._registry = registry

    async def unknown_names(self, app_id: UUID, target: Target) -> list[str]:
        """The names in a target that stand for nothing, in the order asked."""
        if isinstance(target, OfTags):
            return _without(target.names, await self._known_tags(app_id, target.names))
        if isinstance(target, OfExpression):
            names = tuple(dict.fromkeys(tag_names(target.expression)))
            return _without(names, await self._known_tags(app_id, names))
        if isinstance(target, OfDevices):
            devices = await self._registry.by_device_ids(app_id, target.names)
            return _without(target.names, (d.device_id for d in devices if d.known))
        if isinstance(target, OfUsers):
            return _without(target.names, await self._known_users(app_id, target.names))
        return []

    async def _known_tags(self, app_id: UUID, names: Sequence[str]) -> Iterable[str]:
        async with self._db.connect() as connection:
            return {PUSH_ALL, *await tags.ids_of(connection, app_id, names)}

    async def _known_users(self, app_id: UUID, user_ids: Sequence[str]) -> list[str]:
        turn = asyncio.Semaphore(MAX_QUESTIONS)

        async def has_device(user_id: str) -> bool:
            async with turn:
                return any(d.known for d in await self._registry.of_user(app_id, user_id))

        try:
            async with asyncio.TaskGroup() as questions:
                answers = [questions.create_task(has_device(user_id)) for user_id in user_ids]
        except ExceptionGroup as failures:  # one reason is enough for the caller
            raise failures.exceptions[0] from None
        return [user_id for user_id, a in zip(user_ids, answers, strict=True) if a.result()]


def _without(names: Sequence[str], known: Iterable[str]) -> list[str]:
    found = frozenset(known)
    return [name for name in names if name not in found]
