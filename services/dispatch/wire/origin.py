"""The connections of one kind to one place: as many as are needed, no more than are allowed."""

import asyncio
from collections import deque
from collections.abc import Iterable

from msgspec import Struct, structs

from services.dispatch.wire import Unsent, WireError
from services.dispatch.wire.blocks import BlockWriter
from services.dispatch.wire.dialing import Dialer, Place
from services.dispatch.wire.exchange import Exchange, end_all
from services.dispatch.wire.http1 import Http1Connection
from services.dispatch.wire.http2 import Connection, Http2Connection
from services.dispatch.wire.session import Session
from services.dispatch.wire.settings import ASSUMED_STREAMS
from services.dispatch.wire.tls import HTTP2

# What never reached the other side is started again so often, on whatever connection has room.
MAX_STARTS = 16


class Limits(Struct, frozen=True):
    """How many connections an origin has, and for how long they are kept unused."""

    max_connections: int = 8
    # HTTP/1.1 carries one request at a time.
    max_http1_connections: int = 32
    idle_seconds: float = 60.0
    # The last connection where the first request has to wait for trust.
    kept_seconds: float = 86_400.0
    # Short: a server may close an idle connection just when it is used again.
    http1_idle_seconds: float = 4.0
    # After a connection beside others failed.
    retry_seconds: float = 1.0


class Origin:
    """The Owner of its connections; keeps what waits for one."""

    def __init__(self, place: Place, dialer: Dialer, limits: Limits, *, one_at_first: bool) -> None:
        self._place = place
        self._dialer = dialer
        self._limits = limits
        self._one_at_first = one_at_first
        self._loop = asyncio.get_running_loop()
        self._writer = BlockWriter(place.scheme, place.authority)
        # Those that take requests, oldest first, and those that only finish theirs.
        self._open: list[Connection] = []
        self._leaving: list[Connection] = []
        self._waiting: deque[Exchange] = deque()
        self._latest: Session | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._grow_after = 0.0
        self._is_closed = False
        # It wants HTTP/1.1 of those who may not speak it.
        self._is_refused = False
        self._gone = asyncio.Event()

    @property
    def is_unused(self) -> bool:
        return not (self._open or self._leaving or self._waiting or self._dialing)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything from it."""
        busy = any(each.idle_since is None for each in (*self._open, *self._leaving))
        return not (busy or self._waiting or self._dialing)

    def start(self, exchanges: Iterable[Exchange]) -> None:
        self._waiting += exchanges
        self._refill_all()

    def sweep(self, now: float) -> None:
        """Now and then: end what is overdue, close what is unused."""
        self._expire(now)
        for connection in (*self._open, *self._leaving):
            connection.sweep(now)
        self._shrink(now)
        self._grow()

    def close(self) -> None:
        self._is_closed = True
        if self._dialing is not None:
            self._dialing.cancel()
        for connection in (*self._open, *self._leaving):
            connection.close()
        self._fail(Unsent("closed"))
        self._note_end()

    async def wait_closed(self, seconds: float) -> None:
        """Wait for the goodbyes, but no longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            for connection in list(self._leaving):
                connection.abort()

    # For its connections.

    def refill(self, connection: Connection) -> None:
        if self._waiting:
            connection.take(self._waiting)
            self._grow()

    def take_back(self, exchanges: Iterable[Exchange], reason: str) -> None:
        for exchange in reversed(list(exchanges)):
            exchange.reset()
            if self._is_closed or self._is_refused or exchange.attempts >= MAX_STARTS:
                exchange.end(Unsent(reason))
            else:
                self._waiting.appendleft(exchange)
        self._refill_all()

    def lose(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._leaving.append(connection)
            self._grow()

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        if connection in self._open:
            self._open.remove(connection)
        if connection in self._leaving:
            self._leaving.remove(connection)
        self._note_end()
        self._grow()

    def fall_back(self) -> None:
        self._is_refused = self._place.http2_only
        if not self._is_refused:
            self._place = structs.replace(self._place, http1_only=True)

    # For itself.

    def _refill_all(self) -> None:
        for connection in list(self._open):
            if not self._waiting:
                return
            connection.take(self._waiting)
        self._grow()

    def _grow(self) -> None:
        """Open one more connection, if all are full and none may find room by itself."""
        if not self._waiting or self._dialing is not None or self._is_closed:
            return
        if any(each.room > 0 or not each.is_settled for each in self._open):
            return
        enough = self._open and len(self._open) >= self._most()
        if enough or self._loop.time() < self._grow_after:
            return
        self._dialing = self._loop.create_task(self._dial())

    def _most(self) -> int:
        """How many connections there may be, of the kind that there is."""
        if self._open[0].is_shared:
            return self._limits.max_connections
        return self._limits.max_http1_connections

    async def _dial(self) -> None:
        error: WireError | None = None
        try:
            await self._dialer.dial(self._place, self._speak)
        except WireError as failed:
            error = failed
        except Exception:
            error = Unsent("connect: failed")
            raise
        finally:
            self._dialing = None
            self._settle_dial(error)

    def _settle_dial(self, error: WireError | None) -> None:
        self._note_end()
        if error is None and not self._open:
            error = Unsent("connect: closed at once")
        if error is None:
            self._refill_all()
        elif self._open:
            self._grow_after = self._loop.time() + self._limits.retry_seconds
        else:
            self._fail(error)

    def _speak(self, protocol: str) -> asyncio.BaseProtocol:
        """A connection has come about."""
        self._is_refused = False
        connection: Http2Connection | Http1Connection
        if protocol == HTTP2:
            # What a server took on its last connection it will take on the next.
            known = self._latest.max_streams if self._latest else ASSUMED_STREAMS
            session = self._latest = Session(
                self._writer, one_at_first=self._one_at_first, assumed_streams=known
            )
            connection = Http2Connection(self, session)
        else:
            connection = Http1Connection(self, self._place.authority)
        self._open.append(connection)
        return connection

    def _fail(self, error: WireError) -> None:
        waiting, self._waiting = self._waiting, deque()
        end_all([(exchange, error) for exchange in waiting])

    def _expire(self, now: float) -> None:
        overdue = [each for each in self._waiting if each.deadline <= now]
        if overdue:
            self._waiting = deque(each for each in self._waiting if each.deadline > now)
            end_all([(exchange, Unsent("deadline")) for exchange in overdue])

    def _shrink(self, now: float) -> None:
        """Close what has been idle; Apple wants the last connection to be kept."""
        limits = self._limits
        for number, connection in reversed(list(enumerate(self._open))):
            since = connection.idle_since
            limit = limits.idle_seconds if connection.is_shared else limits.http1_idle_seconds
            if number == 0 and self._one_at_first:
                limit = limits.kept_seconds
            if since is not None and now - since > limit:
                connection.close()

    def _note_end(self) -> None:
        if self._is_closed and not (self._open or self._leaving or self._dialing):
            self._gone.set()
