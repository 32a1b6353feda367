"""Every way there is here to agree on a secret: whatever is asked of one is asked of each."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from services.dispatch.gateways.agreement import Agreed, OpenSsl, agree


class Way(Protocol):
    def __call__(self, theirs: bytes, scalar: bytes = b"", /) -> Agreed: ...


def find_ways() -> Iterator[Way]:
    yield agree
    with suppress(OSError, AttributeError):
        yield OpenSsl().agree


WAYS = list(find_ways())
