"""What the protos ask of every room: faults, limits, pages, and moods that a test may set."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit import paging
from services.kit.faults import Code, Fault, FieldInvalid

T = TypeVar("T")

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
COUNT_LIMIT = 100_000


class Mood:
    """What a test wants of a room beyond its rules, by method."""

    def __init__(self) -> None:
        self.failures: dict[str, Exception] = {}
        self.stalled: set[str] = set()
        self.calls: list[str] = []

    async def meet(self, method: str) -> None:
        self.calls.append(method)
        if method in self.stalled:
            await asyncio.Event().wait()
        if method in self.failures:
            raise self.failures[method]


def fault(code: Code, reason: str) -> Callable[..., Fault]:
    """A Fault class of this code and reason."""
    kind = type(reason, (Fault,), {"code": code, "reason": reason})
    return lambda **facts: kind(reason, **facts)


def noon() -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(NOON)
    return moment


def check_text(field: str, text: str, limit: int, *, least: int = 1) -> None:
    if not least <= len(text) <= limit:
        raise FieldInvalid(field, f"must be {least} to {limit} characters, not {len(text)}")
    if "\x00" in text:
        raise FieldInvalid(field, "must not contain NUL")


def cut_page(request: Any, found: Sequence[T], query: Sequence[Any]) -> tuple[Sequence[T], str]:
    """The page that a list request asks for, and the token of the next."""
    position = paging.read_token(request.page_token, query, tuple[int])
    start = (position[0] if position else 0) + paging.read_skip(getattr(request, "skip", 0))
    end = start + paging.read_size(request.page_size)
    return found[start:end], paging.write_token(query, [end]) if end < len(found) else ""


def turn_page(request: Any, found: Sequence[T], query: Sequence[Any]) -> paging.Page[T]:
    """The page that a list request asks for, with the tokens of both its neighbours."""
    window = paging.read_window(request, query, tuple[int])
    placed = list(enumerate(found))
    rows = window.cut(placed, lambda row: (row[0],))
    page = paging.turn(window, query, rows, lambda row: [row[0]])
    return paging.Page([one for _, one in page.items], page.next_token, page.previous_token)
