"""One request's way over the wire, from its hand-over to its one end."""

from collections.abc import Sequence
from typing import Protocol

import structlog
from msgspec import Struct, field

from services.dispatch.wire import Answer, Ended, Request, WireError

log = structlog.get_logger()

MAX_BODY_BYTES = 65_536


class Carrier(Protocol):
    """The connection that an exchange is on."""

    def cancel(self, exchange: "Exchange") -> None:
        """Forget it; the other side is told, if it knows of it."""


class Listener(Struct, eq=False):
    """Who hears what came of requests that were started together."""

    ended: Ended
    # What came of some, and is about to be told.
    heard: list[tuple[int, Answer | WireError]] = field(default_factory=list)

    def tell(self) -> None:
        heard, self.heard = self.heard, []
        try:
            self.ended(heard)
        except Exception:
            # The others on this connection are not to suffer for it.
            log.exception("wire.listener_failed")


class Exchange(Struct, eq=False):
    """Made for every notification, hence a Struct."""

    request: Request
    # Among those that were started together.
    place: int
    listener: Listener
    deadline: float
    # None while it waits for one: who is cancelled then is passed over when its turn comes.
    carrier: Carrier | None = None
    # How often it was started: what did not reach the other side is started again.
    attempts: int = 0
    stream_id: int = 0
    # The answer as far as it has come.
    head: Answer | None = None
    body: bytes | bytearray = b""
    # Counted against the stream's window: with padding.
    received: int = 0
    is_over: bool = False

    def cancel(self) -> None:
        """Nobody waits for it any longer."""
        if not self.is_over:
            self.is_over = True
            if self.carrier is not None:
                self.carrier.cancel(self)

    def end(self, outcome: Answer | WireError) -> None:
        end_all([(self, outcome)])

    def add(self, piece: bytes) -> None:
        """More of the body. Most have one piece."""
        if not self.body:
            self.body = piece
            return
        if isinstance(self.body, bytes):
            self.body = bytearray(self.body)
        self.body += piece

    def answer(self) -> Answer:
        """What has come; a head at least."""
        if self.head is None:
            raise LookupError("there is no answer yet")
        if not self.body:
            return self.head
        return Answer(self.head.status, self.head.headers, bytes(self.body))

    def reset(self) -> None:
        """It is to be started again; nothing of an answer has come."""
        self.head, self.body, self.received, self.carrier = None, b"", 0, None


def end_all(ended: Sequence[tuple[Exchange, Answer | WireError]]) -> None:
    """Tell each listener once of what came of its requests."""
    listeners: list[Listener] = []
    for exchange, outcome in ended:
        if not exchange.is_over:
            exchange.is_over = True
            exchange.carrier = None
            heard = exchange.listener.heard
            if not heard:
                listeners.append(exchange.listener)
            heard.append((exchange.place, outcome))
    for listener in listeners:
        listener.tell()
