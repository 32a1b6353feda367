"""Page tokens: opaque, and bound to the query that gave them out."""

import base64
import binascii
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from services.kit.faults import FieldInvalid, PageTokenInvalid

DEFAULT_SIZE = 100
MAX_SIZE = 500
MAX_SKIP = 10_000


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
    return base64.urlsafe_b64encode(
        msgspec.json.encode([_fingerprint(query), list(position)])
    ).decode()


def read_token(token: str, query: Sequence[Any], shape: type[Any]) -> Any:  # noqa: ANN401  `shape` says which
    """The position in a token, converted to `shape` (a tuple type); None for the empty token.

    Raises:
        PageTokenInvalid: if it is no token of ours, or of another query.
    """
    if not token:
        return None
    try:
        fingerprint, position = msgspec.json.decode(
            base64.urlsafe_b64decode(token), type=tuple[str, list[Any]]
        )
        if fingerprint == _fingerprint(query):
            return msgspec.convert(position, shape)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        pass
    raise PageTokenInvalid


def _fingerprint(query: Sequence[Any]) -> str:
    return blake2b(repr(tuple(query)).encode(), digest_size=9).hexdigest()
