"""Streams what registry holds in a slice, up to as many as a slice is resolved to at once."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeAlias, TypeVar
from uuid import UUID

from services.targeting.domain.registry import MAX_CHUNK, Chunk, Recipients
from services.targeting.domain.slices import MAX_RESOLVED, Rest, Slice
from services.targeting.domain.targets import Audience

C = TypeVar("C", bound=Chunk)
Part: TypeAlias = C | Rest


async def stream_slice(
    recipients: Recipients[C], app_id: UUID, asked: Audience, piece: Slice
) -> AsyncGenerator[Part[C], None]:
    """An audience within a slice, as registry gives it; last, perhaps, where the rest begins."""
    passed: list[C] = []
    within = recipients.within(app_id, asked, piece, MAX_RESOLVED + 1)
    async with aclosing(within) as chunks:
        async for chunk in chunks:
            # To count one is to read it: so few cannot be too many.
            if len(passed) >= MAX_RESOLVED // MAX_CHUNK:
                left = MAX_RESOLVED - sum(map(len, passed))
                if len(chunk) > left:
                    allowed = chunk.uids[:left]
                    if allowed:
                        yield chunk.keep(allowed)
                    yield Rest((allowed or passed[-1].uids)[-1])
                    return
            passed.append(chunk)
            yield chunk
