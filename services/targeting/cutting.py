"""Cuts a target into slices: tags by our own index, everybody else by registry."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from services.kit import paging
from services.kit.faults import FieldInvalid, PageTokenInvalid
from services.targeting.domain.registry import Chunk, Recipients
from services.targeting.domain.slices import Cut
from services.targeting.domain.targets import (
    Everyone,
    OfExpression,
    OfPlatforms,
    OfTags,
    Target,
    meaning,
)
from services.targeting.expressioncuts import ExpressionCutter
from services.targeting.tagcuts import TagCutter


class Cutter:
    """Binds resume tokens to their target, whoever cuts."""

    def __init__(
        self,
        tag_cutter: TagCutter,
        expression_cutter: ExpressionCutter,
        registry: Recipients[Chunk],
    ) -> None:
        self._tag_cutter = tag_cutter
        self._expression_cutter = expression_cutter
        self._registry = registry

    async def cut(
        self, app_id: UUID, target: Target, resume_token: str
    ) -> AsyncGenerator[Cut, None]:
        """Cut from the beginning, or from where `resume_token` was given out.

        Raises:
            FieldInvalid: if the token is not of this target.
        """
        query = (str(app_id), meaning(target))
        async with aclosing(self._cuts(app_id, target, _unwrap(resume_token, query))) as cuts:
            async for cut in cuts:
                yield Cut(cut.slices, paging.write_token(query, [cut.resume_token]))

    def _cuts(self, app_id: UUID, target: Target, start: str) -> AsyncGenerator[Cut, None]:
        asked = meaning(target)
        if isinstance(asked, OfTags):
            return self._tag_cutter.cut(app_id, asked.names, start)
        if isinstance(asked, OfExpression):
            return self._expression_cutter.cut(app_id, asked.expression, start)
        if isinstance(asked, OfPlatforms):
            return self._registry.cut(app_id, Everyone(), asked.platforms, start)
        return self._registry.cut(app_id, asked, (), start)


def _unwrap(resume_token: str, query: tuple[str, Target]) -> str:
    try:
        place = paging.read_token(resume_token, query, tuple[str])
    except PageTokenInvalid:
        raise FieldInvalid("resume_token", "is not one that this target gave out") from None
    return "" if place is None else place[0]
