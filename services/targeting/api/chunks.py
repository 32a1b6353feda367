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


# How the field `place` begins: its number, and that a varint follows.
PLACE = bytes([targeting_service.ResolveSlicesResponse.PLACE_FIELD_NUMBER << 3])


class RecipientChunk:
    """An answer of registry's.

    The two rooms' answers agree in their first fields, so its bytes are those of the answer of
    ours that they become: what is passed on whole is never written anew.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def _answer(self) -> targeting_service.ResolveSlicesResponse:
        return targeting_service.ResolveSlicesResponse.FromString(self.content)

    @property
    def recipients(self) -> recipient_pb2.Recipients:
        return self._answer.recipients

    @property
    def place(self) -> int:
        return self._answer.place

    def at(self, place: int) -> bytes:
        """The bytes of the answer, at a place among the slices; the last word on it counts."""
        return self.content if place == self.place else self.content + PLACE + bytes([place])

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
        answer = targeting_service.ResolveSlicesResponse(recipients=kept, place=self.place)
        return RecipientChunk(answer.SerializeToString())


def write_answer(answer: Message | bytes) -> bytes:
    """The bytes of an answer of ours, which may be there already."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


def _pick(column: Any, rows: Sequence[int]) -> list[Any]:  # noqa: ANN401  a repeated field of whatever kind
    return [column[row] for row in rows] if column else []
