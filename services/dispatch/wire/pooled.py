"""The wire of a process: every request goes to the connections of its kind."""

import asyncio
from collections.abc import Sequence
from itertools import count, groupby
from operator import attrgetter
from pathlib import Path
from urllib.parse import urlsplit

from services.dispatch.wire import (
    Answer,
    Ended,
    Forbidden,
    Identity,
    Request,
    Template,
    WireError,
)
from services.dispatch.wire.dialing import Dialer, Place
from services.dispatch.wire.exchange import Exchange, Listener, end_all
from services.dispatch.wire.origin import Limits, Origin
from services.dispatch.wire.screening import find_forbidden, may_say
from services.dispatch.wire.tls import Trust
from services.kit.egress import EgressGuard

# How precisely deadlines are kept.
SWEEP_SECONDS = 0.25
GOODBYE_SECONDS = 1.0
MAX_ORIGINS = 1000
PORTS = {"https": 443, "http": 80}

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

        def end(ended: Sequence[tuple[int, Answer | WireError]]) -> None:
            if not answered.done():
                answered.set_result(ended[0][1])

        (exchange,) = self.start([request], end)
        try:
            outcome = await answered
        finally:
            exchange.cancel()
        if isinstance(outcome, WireError):
            raise outcome
        return outcome

    def start(self, requests: Sequence[Request], ended: Ended) -> list[Exchange]:
        listener, places, now = Listener(ended), count(), self._loop.time()
        started: list[Exchange] = []
        for template, group in groupby(requests, attrgetter("template")):
            deadline = now + template.seconds
            exchanges = [
                Exchange(request, place, listener, deadline)
                for request, place in zip(group, places, strict=False)
            ]
            self._start_alike(template, exchanges)
            started += exchanges
        return started

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        origins, self._origins = list(self._origins.values()), {}
        for origin in origins:
            origin.close()
        await asyncio.gather(*(origin.wait_closed(GOODBYE_SECONDS) for origin in origins))

    def _start_alike(self, template: Template, exchanges: list[Exchange]) -> None:
        origin = self._find(template)
        if origin is None:
            self._forbid(exchanges, "the URL is not one that a request may go to")
            return
        if not may_say(template):
            self._forbid(exchanges, "a header that may not be sent")
            return
        forbidden = find_forbidden([exchange.request for exchange in exchanges])
        if forbidden:
            self._forbid([exchanges[place] for place in forbidden], "it may not be sent")
            exchanges = [each for at, each in enumerate(exchanges) if at not in forbidden]
        origin.start(exchanges)

    def _forbid(self, exchanges: Sequence[Exchange], reason: str) -> None:
        # Whoever starts them is not called back before that returns.
        ended = [(exchange, Forbidden(reason)) for exchange in exchanges]
        self._loop.call_soon(end_all, ended)

    def _find(self, template: Template) -> Origin | None:
        """The origin of such requests; None where none may go."""
        kind = (
            template.base,
            template.pool,
            template.identity,
            template.http2_only,
            template.one_at_first,
        )
        return self._origins.get(kind) or self._open(kind)

    def _open(self, kind: Kind) -> Origin | None:
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
