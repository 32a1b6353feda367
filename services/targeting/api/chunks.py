"""Recipients on their way from registry to whoever sends: passed on as they came."""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, TypeVar

from google.protobuf.message import Message

from carillon.targeting.v1 import targeting_service_pb2 as targeting_service
from carillon.type.v1 import recipient_pb2
from services.targeting.api.platform_wire import FROM_PLATFORM
from services.targeting.domain.platforms import Platform

T = TypeVar("T")


class RecipientChunk:
    """An answer of registry's.

    The two rooms' answers agree in their first field, so its bytes are those of the answer of
    ours that they become: what is passed on whole is never taken apart.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def recipients(self) -> recipient_pb2.Recipients:
        return targeting_service.ResolveSliceResponse.FromString(self.content).recipients

    def __len__(self) -> int:
        return len(self.recipients.uids)

    @cached_property
    def uids(self) -> Sequence[int]:
        return list(self.recipients.uids)

    def keep(self, uids: Collection[int]) -> "RecipientChunk":
        wanted = frozenset(uids)
        return self._take([row for row, uid in enumerate(self.uids) if uid in wanted])

    def on(self, platforms: Collection[Platform]) -> "RecipientChunk":
        wanted = {FROM_PLATFORM[platform] for platform in platforms}
        found = list(self.recipients.platforms)
        if len(found) == 1:
            return self if found[0] in wanted else self._take([])
        return self._take([row for row, platform in enumerate(found) if platform in wanted])

    def _take(self, rows: Sequence[int]) -> "RecipientChunk":
        """Those in the rows, in their order."""
        found = self.recipients
        one = len(found.platforms) == 1
        kept = recipient_pb2.Recipients(
            uids=_pick(found.uids, rows),
            platforms=found.platforms if one and rows else _pick(found.platforms, rows),
            addresses=_pick(found.addresses, rows),
            variables=_pick(found.variables, rows),
            apns_environments=_pick(found.apns_environments, rows),
            newer_twin_uids=_pick(found.newer_twin_uids, rows),
        )
        answer = targeting_service.ResolveSliceResponse(recipients=kept)
        return RecipientChunk(answer.SerializeToString())


def write_answer(answer: Message | RecipientChunk) -> bytes:
    """The bytes of an answer of ours."""
    return answer.content if isinstance(answer, RecipientChunk) else answer.SerializeToString()


def _pick(column: Any, rows: Sequence[int]) -> list[Any]:  # noqa: ANN401  a repeated field of whatever kind
    return [column[row] for row in rows] if column else []
