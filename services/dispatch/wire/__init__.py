"""The HTTP/2 sender: many small POSTs over few connections, behind one narrow seam."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

# A request that has no answer by then has none; its maker may set another time.
ANSWER_SECONDS = 20.0


class Identity(Struct, frozen=True):
    """A client's certificate, its chain behind it, and the unencrypted key; all in PEM."""

    certificate: str
    private_key: str

    def __repr__(self) -> str:
        return "Identity(…)"


# Structs, not dataclasses: one of each is made for every notification.
class Request(Struct, frozen=True):
    """A POST. Headers are (lower-case name, value); their values may be secret.

    Plain http:// goes only to hosts that the deployment allows.
    """

    url: str
    # Best the same for many requests: as a block they are written once.
    headers: tuple[tuple[str, str], ...]
    body: bytes
    # Requests share connections only within a pool: some gateways bind one to its credential.
    pool: str = ""
    # Whom the connection shows itself as. Requests share one only with their own kind.
    identity: Identity | None = None
    # From when it is handed over, whatever it has to wait for.
    seconds: float = ANSWER_SECONDS
    # Never HTTP/1.1, which is else spoken where the other side offers no HTTP/2, and over http://.
    http2_only: bool = False
    # A new connection asks one thing at a time until its first good answer, as Apple wants it;
    # and the last one is kept when it is idle.
    one_at_first: bool = False
    # What only this request says.
    own_headers: tuple[tuple[str, str], ...] = ()

    @property
    def all_headers(self) -> tuple[tuple[str, str], ...]:
        return (*self.headers, *self.own_headers)


class Answer(Struct, frozen=True):
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


# Called with a request and what came of it.
Ended = Callable[[Request, Answer | WireError], None]


class Pending(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """Nobody waits for it any longer."""


class Wire(Protocol):
    """Whoever opens it closes it."""

    async def post(self, request: Request) -> Answer:
        """Ask, and return the answer whatever its status; redirects are not followed.

        Raises:
            Unsent, Unanswered, Forbidden: when there is none.
        """

    def start(self, request: Request, ended: Ended) -> Pending:
        """Ask without waiting: `ended` is called once, whatever came of it.

        It is called from within the loop, never before this returns, and not at all once the
        request is cancelled. Answers that came together are told one right after the other.
        """

    async def close(self) -> None: ...
