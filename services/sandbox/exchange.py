"""What crosses the seam between the HTTP/2 server and the imitated gateways."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    authority: str
    # Lower-case names; every value in the order it came, so that a repeated header can be told.
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    # Numbers the connections: some rules of a gateway hold for one connection only.
    connection: int = 0
    # What the client showed of itself in the handshake; nobody has judged it yet.
    client: Certificate | None = None
    is_http2: bool = True

    def header(self, name: str) -> str | None:
        """The first value of a header, or None if it was not sent."""
        values = self.headers.get(name)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    # HTTP/2's, by number: changed for the connection before it answers.
    settings: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HangUp:
    """Abort the connection without an answer, although the request was read."""


@dataclass(frozen=True, slots=True)
class TurnAway:
    """Refuse the stream as not processed and announce the end of the connection (GOAWAY)."""

    reason: str


@dataclass(frozen=True, slots=True)
class FallSilent:
    """Say nothing more on the connection, not even that it lives; and read on, or not."""

    is_deaf: bool = False


@dataclass(frozen=True, slots=True)
class WantHttp1:
    """Refuse the stream as not processed: it is to be asked by HTTP/1.1."""


Answer = Response | HangUp | TurnAway | FallSilent | WantHttp1
Answerer = Callable[[Request], Awaitable[Answer]]
