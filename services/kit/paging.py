"""Pages of a list, forwards and backwards, and the opaque tokens that lead from one to the next.

A token holds a position of the list, not a number of entries: the thousandth page costs what the
first does, and no entry appears twice because another came or went before it.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any, Generic, Protocol, TypeVar

import msgspec

from services.kit.faults import FieldInvalid, PageTokenInvalid

T = TypeVar("T")
P = TypeVar("P")

DEFAULT_SIZE = 100
MAX_SIZE = 500
MAX_SKIP = 10_000
# What positions are made of: a forged token must not hold what no database takes.
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(pattern="^[^\\x00]*$")]


class Request(Protocol):
    """What every list request has."""

    page_size: int
    page_token: str
    skip: int


@dataclass(frozen=True, slots=True)
class Window(Generic[P]):
    """The part of a list that is asked for: beyond a position, or from the end where it is None."""

    position: P | None = None
    backward: bool = False
    skip: int = 0
    size: int = DEFAULT_SIZE

    @property
    def limit(self) -> int:
        """One more than wanted: whether there is more is known by it."""
        return self.size + 1

    def cut(self, items: Sequence[T], place: Callable[[T], P]) -> list[T]:
        """Of a whole list in its order, what this window shows, in the window's direction."""
        found = list(items[::-1] if self.backward else items)
        if self.position is not None:
            at: Any = self.position
            found = [
                each for each in found if (place(each) < at if self.backward else place(each) > at)
            ]
        return found[self.skip : self.skip + self.limit]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    next_token: str
    previous_token: str


def read_window(request: Request, query: Sequence[Any], shape: Any) -> Window[Any]:  # noqa: ANN401  a type, but not to mypy
    """The window that a request means; `shape` is the tuple type of a position.

    Raises:
        FieldInvalid: if page_size or skip is out of its bounds.
        PageTokenInvalid: if page_token is no token of ours, or of another `query`.
    """
    size, skip = read_size(request.page_size), read_skip(request.skip)
    if not request.page_token:
        return Window(skip=skip, size=size)
    backward, position = _read(request.page_token, query, tuple[bool, shape | None])
    return Window(position, backward, skip, size)


def turn(
    window: Window[Any],
    query: Sequence[Any],
    rows: Sequence[T],
    place: Callable[[T], Sequence[Any]],
) -> Page[T]:
    """The page made of `rows`, which were read in the window's direction up to its limit.

    `place` tells the position of a row.
    """
    items = list(rows[: window.size])
    ends = (place(items[0]), place(items[-1])) if items else None
    tokens = lead(window, query, ends, more=len(rows) > window.size)
    return Page(items[::-1] if window.backward else items, *tokens)


def lead(
    window: Window[Any],
    query: Sequence[Any],
    ends: tuple[Sequence[Any], Sequence[Any]] | None,
    *,
    more: bool,
) -> tuple[str, str]:
    """The tokens of the next and of the previous page.

    `ends` are the positions between which the page was read, in the order of reading. One that
    was emptied meanwhile has none, and leads back to the end that it came from.
    """
    came = window.backward or window.position is not None or window.skip > 0
    first, last = ends or (None, None)
    onward = _write(query, [window.backward, last]) if more else ""
    back = _write(query, [not window.backward, first]) if came else ""
    return (back, onward) if window.backward else (onward, back)


def read_size(page_size: int) -> int:
    """The page size meant: 0 is the default, too large is clamped, below zero a FieldInvalid."""
    if page_size < 0:
        raise FieldInvalid("page_size", f"must be 0 to {MAX_SIZE}, not {page_size}")
    return min(page_size or DEFAULT_SIZE, MAX_SIZE)


def read_skip(skip: int) -> int:
    """How many to pass over; a FieldInvalid if below zero or above 10000."""
    if not 0 <= skip <= MAX_SKIP:
        raise FieldInvalid("skip", f"must be 0 to {MAX_SKIP}, not {skip}; use page_token to go on")
    return skip


def write_token(query: Sequence[Any], position: Sequence[Any]) -> str:
    """A token that goes on after `position`, only for the same `query`."""
    return _write(query, list(position))


def read_token(token: str, query: Sequence[Any], shape: type[Any]) -> Any:  # noqa: ANN401  `shape` says which
    """The position in a token, converted to `shape` (a tuple type); None for the empty token.

    Raises:
        PageTokenInvalid: if it is no token of ours, or of another query.
    """
    return _read(token, query, shape) if token else None


def _write(query: Sequence[Any], content: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([_fingerprint(query), content])).decode()


def _read(token: str, query: Sequence[Any], shape: Any) -> Any:  # noqa: ANN401  likewise
    try:
        fingerprint, content = msgspec.json.decode(
            base64.urlsafe_b64decode(token), type=tuple[str, list[Any]]
        )
        if fingerprint == _fingerprint(query):
            return msgspec.convert(content, shape)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        pass
    raise PageTokenInvalid


def _fingerprint(query: Sequence[Any]) -> str:
    return blake2b(repr(tuple(query)).encode(), digest_size=9).hexdigest()
