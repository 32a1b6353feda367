"""Cuts an expression into slices, platform by platform: by its rarest tags, or by registry."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from services.targeting.domain.expressions import Expression, narrow
from services.targeting.domain.platforms import PLATFORMS, Platform
from services.targeting.domain.registry import Chunk, Recipients
from services.targeting.domain.slices import Cut
from services.targeting.domain.targets import Everyone
from services.targeting.driving import Drivers
from services.targeting.tagcuts import TagCutter


class ExpressionCutter:
    """What is cut are those who may be meant: a slice may turn out to hold nobody."""

    def __init__(
        self, drivers: Drivers, tag_cutter: TagCutter, registry: Recipients[Chunk]
    ) -> None:
        self._drivers = drivers
        self._tag_cutter = tag_cutter
        self._registry = registry

    async def cut(
        self, app_id: UUID, expression: Expression, resume_token: str
    ) -> AsyncGenerator[Cut, None]:
        """Slices in (platform, uid) order, on the platforms on which anybody can be meant."""
        place, _, start = resume_token.partition(" ")
        first = Platform(place) if place else PLATFORMS[0]
        for platform in PLATFORMS[PLATFORMS.index(first) :]:
            narrowed = narrow(expression, platform)
            if narrowed is not None:
                async with aclosing(self._cut_on(app_id, narrowed, platform, start)) as cuts:
                    async for cut in cuts:
                        yield Cut(cut.slices, f"{platform.value} {cut.resume_token}")
            start = ""

    async def _cut_on(
        self, app_id: UUID, narrowed: Expression, platform: Platform, start: str
    ) -> AsyncGenerator[Cut, None]:
        drivers = await self._drivers.choose(app_id, narrowed)
        cuts = (
            self._registry.cut(app_id, Everyone(), (platform,), start)
            if drivers is None
            else self._tag_cutter.cut(app_id, drivers, start, (platform,))
        )
        async with aclosing(cuts):
            async for cut in cuts:
                yield cut
