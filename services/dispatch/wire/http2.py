"""An HTTP/2 connection: a session on a socket, and the clock that watches over it."""

import asyncio
import ssl
from collections import deque
from typing import Protocol, cast

from services.dispatch.wire import Unsent
from services.dispatch.wire.exchange import Exchange, end_all
from services.dispatch.wire.session import Session

# With requests under way and nothing heard for so long, it is asked whether it lives.
QUIET_SECONDS = 5.0
PING_SECONDS = 5.0
# An idle connection that is kept: Apple asks for one PING an hour.
IDLE_PING_SECONDS = 3600.0
# Where many are under way, requests wait for each other so long, or until they are a quarter of
# all: each answer would else let one request go, by a write of its own, and so on for ever.
GATHER_SECONDS = 0.001
SHARE = 4
BUFFER_BYTES = 32_768


class Owner(Protocol):
    """Whom a connection works for."""

    def refill(self, connection: "Connection") -> None:
        """It may have room."""

    def take_back(self, exchanges: list[Exchange], reason: str) -> None:
        """These never reached the other side."""

    def lose(self, connection: "Connection") -> None:
        """It takes nothing more."""

    def forget(self, connection: "Connection") -> None:
        """It is closed."""

    def fall_back(self) -> None:
        """The other side wants HTTP/1.1 from now on."""


class Connection(Protocol):
    """What an owner knows of one, whatever protocol it speaks."""

    # Whether it carries several requests at once.
    is_shared: bool

    @property
    def room(self) -> int: ...
    @property
    def is_settled(self) -> bool:
        """Whether its room is what it will be."""

    @property
    def idle_since(self) -> float | None:
        """Since when it has nothing to do; None while it has."""

    def take(self, waiting: deque[Exchange]) -> None:
        """Start those who wait, the first first, as far as there is room."""

    def cancel(self, exchange: Exchange) -> None: ...
    def sweep(self, now: float) -> None:
        """End what is overdue, the connection itself too if it is dead."""

    def close(self) -> None:
        """Say goodbye; what is under way ends unanswered."""

    def abort(self) -> None: ...


class Http2Connection(asyncio.BufferedProtocol):
    """Frames of a turn of the loop leave in one write."""

    is_shared = True

    def __init__(self, owner: Owner, session: Session) -> None:
        self._owner = owner
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._flush_planned = False
        self._gathered = 0
        self._gathering: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._is_lost = False
        self._heard = True
        self._last_heard = self._last_busy = self._loop.time()
        self._pinged: float | None = None

    # For its owner.

    @property
    def room(self) -> int:
        return 0 if self._is_paused or self._pinged is not None else self._session.room

    @property
    def is_settled(self) -> bool:
        return self._session.is_settled

    @property
    def idle_since(self) -> float | None:
        return None if self._session.streams.under_way else self._last_busy

    def take(self, waiting: deque[Exchange]) -> None:
        if self.room <= 0:
            return
        begun = self._session.take(waiting, self)
        if begun:
            self._gather(begun)

    def cancel(self, exchange: Exchange) -> None:
        self._session.cancel(exchange)
        self._plan_flush()

    def sweep(self, now: float) -> None:
        session = self._session
        under_way = session.streams.under_way
        for exchange in [each for each in under_way.values() if each.deadline <= now]:
            session.expire(exchange)
        session.relax()
        if under_way:
            self._last_busy = now
        self._watch(now)
        self._settle()

    def close(self) -> None:
        self._session.say_goodbye()
        self._flush()
        self._session.end("closed")
        self._settle()

    def abort(self) -> None:
        self._transport.abort()

    # For its transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._flush()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's
        """Ours: for each read the loop would allocate another, larger than what malloc keeps."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._heard = True
        self._session.receive(bytes(self._buffer[:nbytes]))
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        session = self._session
        refused = isinstance(exc, ssl.SSLError) and not session.is_greeted
        session.end("connection lost")
        if refused:
            # It did not like our certificate, and has read nothing.
            ended = session.streams.ended
            ended[:] = [(exchange, Unsent("TLS: refused")) for exchange, _ in ended]
        self._settle()
        self._owner.forget(self)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._plan_flush()
        self._owner.refill(self)

    # For itself.

    def _settle(self) -> None:
        """Pass on what the session has found out."""
        session, streams = self._session, self._session.streams
        if streams.ended:
            ended = streams.ended.copy()
            streams.ended.clear()
            end_all(ended)
        if session.wants_http1:
            self._owner.fall_back()
        if streams.returned:
            returned, streams.returned = streams.returned, []
            self._owner.take_back(returned, session.leaving or "refused")
        if session.leaving:
            self._leave()
        else:
            self._owner.refill(self)
        if session.out:
            self._plan_flush()

    def _leave(self) -> None:
        self._owner.lose(self)
        if self._session.is_broken or not self._session.streams.under_way:
            self._flush()
            self._transport.close()

    def _watch(self, now: float) -> None:
        """Ask a silent connection whether it lives; give it up if it does not answer."""
        if self._heard:
            self._heard, self._last_heard, self._pinged = False, now, None
            return
        if self._pinged is not None:
            if now - self._pinged > PING_SECONDS:
                self._session.end("connection dead")
                self.abort()
            return
        patience = QUIET_SECONDS if self._session.streams.under_way else IDLE_PING_SECONDS
        if now - self._last_heard > patience:
            self._pinged = now
            self._session.ping()

    def _gather(self, begun: int) -> None:
        self._gathered += begun
        if self._flush_planned:
            return
        if self._gathered * SHARE >= len(self._session.streams.under_way):
            self._plan_flush()
        elif self._gathering is None:
            self._gathering = self._loop.call_later(GATHER_SECONDS, self._flush)

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned, self._gathered = False, 0
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._is_paused or self._is_lost or not self._session.out:
            return
        self._transport.write(self._session.take_out())
