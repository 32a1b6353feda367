"""The wire of a process: every request goes to the connections of its kind."""

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

from services.dispatch.wire import Answer, Ended, Forbidden, Identity, Request, WireError
from services.dispatch.wire.dialing import Dialer, Place
from services.dispatch.wire.exchange import Exchange
from services.dispatch.wire.origin import Limits, Origin
from services.dispatch.wire.tls import Trust
from services.kit.egress import EgressGuard

# How precisely deadlines are kept.
SWEEP_SECONDS = 0.25
GOODBYE_SECONDS = 1.0
MAX_ORIGINS = 1000
PORTS = {"https": 443, "http": 80}
# What leads to the connection, and what is asked for there. A fragment is not sent.
URL = re.compile(r"([a-zA-Z]+://[^/?#]+)((?:[/?][!-\"$-\[\]-~]*)?)(?:#.*)?")

Kind = tuple[str, str, Identity | None, bool, bool]


class PooledWire:
    """A Wire of one event loop. `ca_file` holds authorities to trust beside the system's."""

    def __init__(
        self, guard: EgressGuard, ca_file: Path | None = None, limits: Limits | None = None
    ) -> None:
        self._guard = guard
        self._dialer = Dialer(guard, Trust(ca_file))
        self._limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        self._origins: dict[Kind, Origin] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def post(self, request: Request) -> Answer:
        answered: asyncio.Future[Answer | WireError] = self._loop.create_future()

        def end(_: Request, outcome: Answer | WireError) -> None:
            if not answered.done():
                answered.set_result(outcome)

        exchange = self.start(request, end)
        try:
            outcome = await answered
        finally:
            exchange.cancel()
        if isinstance(outcome, WireError):
            raise outcome
        return outcome

    def start(self, request: Request, ended: Ended) -> Exchange:
        match = URL.fullmatch(request.url)
        base, path = match.groups() if match else ("", "")
        kind = base, request.pool, request.identity, request.http2_only, request.one_at_first
        origin = self._origins.get(kind) or self._open(kind)
        if path[:1] != "/":
            path = f"/{path}"
        exchange = Exchange(request, path, ended, self._loop.time() + request.seconds)
        if origin is None:
            error = Forbidden("the URL is not one that a request may go to")
            self._loop.call_soon(exchange.end, error)
        else:
            origin.start(exchange)
        return exchange

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        origins, self._origins = list(self._origins.values()), {}
        for origin in origins:
            origin.close()
        await asyncio.gather(*(origin.wait_closed(GOODBYE_SECONDS) for origin in origins))

    def _open(self, kind: Kind) -> Origin | None:
        """A new origin; None where no request may go."""
        base, _, identity, http2_only, one_at_first = kind
        if not self._guard.admits_url(base):
            return None
        self._make_room()
        parts = urlsplit(base)
        port = parts.port or PORTS[parts.scheme]
        place = Place(parts.scheme, parts.hostname or "", port, parts.netloc, identity, http2_only)
        origin = Origin(place, self._dialer, self._limits, one_at_first=one_at_first)
        self._origins[kind] = origin
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        return origin

    def _make_room(self) -> None:
        """Close the oldest origin that nobody waits for, if there are too many."""
        if len(self._origins) >= MAX_ORIGINS:
            kind = next((kind for kind, each in self._origins.items() if each.is_idle), None)
            if kind is not None:
                self._origins.pop(kind).close()

    def _sweep(self) -> None:
        now = self._loop.time()
        for kind, origin in list(self._origins.items()):
            origin.sweep(now)
            if origin.is_unused:
                del self._origins[kind]
        self._sweeping = None
        if self._origins:
            self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)
