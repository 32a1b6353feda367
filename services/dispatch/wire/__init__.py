"""The HTTP/2 sender: many small POSTs over few connections, behind one narrow seam."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

# A request that has no answer by then has none; its maker may set another time.
ANSWER_SECONDS = 20.0
# What leads to the connection, and what is asked for there. A fragment is not sent.
URL = re.compile(r"([a-zA-Z]+://[^/?#]+)((?:[/?][!-\"$-\[\]-~]*)?)(?:#.*)?")


class Identity(Struct, frozen=True):
    """A client's certificate, its chain behind it, and the unencrypted key; all in PEM."""

    certificate: str
    private_key: str

    def __repr__(self) -> str:
        return "Identity(…)"


# Structs, not dataclasses: a request is made for every notification.
class Template(Struct, frozen=True, eq=False):
    """What requests that are written together have in common.

    Headers are (lower-case name, value); their values may be secret. Plain http:// goes only to
    hosts that the deployment allows.
    """

    # Scheme and authority.
    base: str
    headers: tuple[tuple[str, str], ...] = ()
    # The headers whose values each request gives itself.
    own_names: tuple[str, ...] = ()
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


class Request(Struct, frozen=True, eq=False):
    """A POST. The path begins with a slash and includes the query, if there is one."""

    template: Template
    path: str
    body: bytes
    own_values: tuple[str, ...] = ()

    @classmethod
    def to(
        cls,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        *,
        pool: str = "",
        identity: Identity | None = None,
        seconds: float = ANSWER_SECONDS,
        http2_only: bool = False,
        one_at_first: bool = False,
    ) -> "Request":
        """A request that stands alone."""
        base, path = split_url(url)
        template = Template(
            base,
            headers,
            pool=pool,
            identity=identity,
            seconds=seconds,
            http2_only=http2_only,
            one_at_first=one_at_first,
        )
        return cls(template, path, body)

    @property
    def url(self) -> str:
        return f"{self.template.base}{self.path}"

    @property
    def all_headers(self) -> tuple[tuple[str, str], ...]:
        template = self.template
        return (*template.headers, *zip(template.own_names, self.own_values, strict=True))


def split_url(url: str) -> tuple[str, str]:
    """What leads to a connection, and what is asked for there; both empty if it is no URL.

    Where nothing leads nobody goes: such a request ends as Forbidden.
    """
    match = URL.fullmatch(url)
    if match is None:
        return "", ""
    base, path = match.groups()
    return base, path if path[:1] == "/" else f"/{path}"


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


# Called with requests, by their places among those that were started together, and what came of
# each.
Ended = Callable[[Sequence[tuple[int, Answer | WireError]]], None]


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

    def start(self, requests: Sequence[Request], ended: Ended) -> Sequence[Pending]:
        """Ask without waiting: `ended` is told of each once, whatever came of it.

        It is called from within the loop, never before this returns, and not of what is cancelled.
        Of answers that came together it is told together.
        """

    async def close(self) -> None: ...
