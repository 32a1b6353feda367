"""The HTTP/2 sender: many small POSTs over few connections, behind one narrow seam."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. Headers are (lower-case name, value); their values may be secret."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    # Requests share connections only within a pool: some gateways bind one to its credential.
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case; the body is cut at 64 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WireError(Exception):
    """There is no answer. The message holds a reason, never a URL: URLs may be addresses."""


class Unsent(WireError):
    """The request never reached the other side: to repeat it is safe."""


class Unanswered(WireError):
    """It may have reached the other side, which did not answer."""


class Forbidden(WireError):
    """The guard refused the URL: it leads where no request of ours may go."""


class Wire(Protocol):
    """Whoever opens it closes it."""

    async def post(self, request: Request) -> Answer:
        """Ask, and return the answer whatever its status; redirects are not followed.

        Raises:
            Unsent, Unanswered, Forbidden: when there is none.
        """

    async def close(self) -> None: ...
