"""Lists by pages: `size` and `offset`, and a cursor where an offset would be too deep."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request

from services.edge import problems
from services.edge.links import Links
from services.edge.problems import Problem

DEFAULT_SIZE = 100
MAX_SIZE = 500
MAX_OFFSET = 10_000
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Page:
    """The page that a request asks for. A cursor has already passed over what precedes it."""

    size: int
    offset: int
    cursor: str


def read_page(request: Request) -> Page:
    """The page meant by `size`, `offset` and `cursor`; larger sizes than 500 mean 500.

    Raises:
        Problem: 400 naming the parameter that is out of its bounds.
    """
    query = request.query_params
    size = _read_number(query.get("size", ""), DEFAULT_SIZE)
    if size is None or size < 1:
        raise Problem(
            400,
            problems.SIZE_INVALID,
            f"The parameter 'size' must be a whole number above 0, not '{query['size']}'.",
        )
    cursor = query.get("cursor", "")
    offset = 0 if cursor else _read_offset(query.get("offset", ""))
    return Page(min(size, MAX_SIZE), offset, cursor)


def _read_offset(text: str) -> int:
    offset = _read_number(text, 0)
    if offset is None or offset < 0:
        what = f"must be a whole number from 0 to {MAX_OFFSET}, not '{text}'"
    elif offset > MAX_OFFSET:
        what = f"must be at most {MAX_OFFSET}; to go further, follow pageInfo.next"
    else:
        return offset
    raise Problem(400, problems.OFFSET_INVALID, f"The parameter 'offset' {what}.")


def _read_number(text: str, default: int) -> int | None:
    if not text:
        return default
    return int(text) if WHOLE_NUMBER.fullmatch(text) else None


class Listed(Protocol):
    """What every list answer of the rooms has."""

    next_page_token: str
    previous_page_token: str
    total_size: int

    def HasField(self, field_name: Any, /) -> bool: ...  # noqa: ANN401  a literal of each answer's own


@dataclass(frozen=True, slots=True)
class Pager:
    """Describes one page of an answer and its neighbours, which cursors lead to."""

    links: Links

    def tell(self, request: Request, listed: Listed, count: int) -> dict[str, object]:
        """Of a list that can be walked both ways. The total is told where it is known."""
        total = listed.total_size if listed.HasField("total_size") else None
        if total is None and not listed.next_page_token and not listed.previous_page_token:
            total = count
        described: dict[str, object] = {"count": count}
        if total is not None:
            described["totalCount"] = total
        tokens = {"next": listed.next_page_token, "previous": listed.previous_page_token}
        for neighbour, token in tokens.items():
            if token:
                described[neighbour] = self.links.page(request, offset="", cursor=token)
        return described
