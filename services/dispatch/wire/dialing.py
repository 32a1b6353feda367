"""How a connection comes about: look the name up, ask the guard, connect, agree on a protocol."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import cast

from msgspec import Struct

from services.dispatch.wire import Forbidden, Identity, Unsent
from services.dispatch.wire.racing import interleave, race
from services.dispatch.wire.tls import HTTP1, HTTP2, Trust
from services.kit.egress import EgressGuard

CONNECT_SECONDS = 5.0
# An address that takes a connection and says no more must not cost the others their chance.
GREETING_SECONDS = 2.0
NO_HTTP2 = "connect: the other side speaks no HTTP/2"
# In TLS, a server that speaks nothing of what it was offered. Python has no code for it.
NO_PROTOCOL = "no application protocol"

# From the protocol agreed on to what speaks it.
Speaker = Callable[[str], asyncio.BaseProtocol]


class Place(Struct, frozen=True):
    """Where connections of one kind lead."""

    scheme: str
    host: str
    port: int
    # As it stands in the URL.
    authority: str
    identity: Identity | None = None
    http2_only: bool = False
    # It has said that it wants to be asked by HTTP/1.1.
    http1_only: bool = False

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    @property
    def protocols(self) -> tuple[str, ...]:
        """What is offered to it."""
        if self.http2_only:
            return (HTTP2,)
        return (HTTP1,) if self.http1_only else (HTTP2, HTTP1)


class Dialer:
    def __init__(self, guard: EgressGuard, trust: Trust) -> None:
        self._guard = guard
        self._trust = trust

    async def dial(self, place: Place, speaker: Speaker) -> None:
        """Connect; the speaker's protocol has been told when this returns.

        Raises:
            Forbidden: if all that the name leads to is forbidden.
            Unsent: if there is no connection.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                addresses = await self._look_up(place)
                await self._try_each(place, addresses, speaker)
        except TimeoutError:
            raise Unsent("connect: no answer") from None

    async def _look_up(self, place: Place) -> list[str]:
        """Anew for every connection: gateways move."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except OSError:
            raise Unsent("connect: the name leads nowhere") from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        admitted = [each for each in addresses if self._guard.admits_connection(place.host, each)]
        if not admitted:
            raise Forbidden("the host leads to an address that no request may go to")
        return admitted

    async def _try_each(self, place: Place, addresses: list[str], speaker: Speaker) -> None:
        """By whichever address connects first; by another, if that one does not agree."""
        tls = self._trust.context(place.identity, place.protocols) if place.is_secure else None
        left = interleave(addresses)
        while True:
            try:
                address, connected = await race(left, place.port)
            except OSError as error:
                raise Unsent(f"connect: {_explain(error)}") from None
            left.remove(address)
            try:
                async with asyncio.timeout(GREETING_SECONDS if left else None):
                    await self._greet(place, connected, tls, speaker)
            except (OSError, TimeoutError) as error:
                if not left:
                    raise Unsent(_name(place, error)) from None
            else:
                return

    async def _greet(
        self, place: Place, connected: socket.socket, tls: ssl.SSLContext | None, speaker: Speaker
    ) -> None:
        # Over http:// there is nobody to ask: HTTP/2 is spoken to those who must know it.
        unasked = HTTP2 if place.http2_only else HTTP1
        _, greeter = await asyncio.get_running_loop().create_connection(
            lambda: _Greeter(speaker, unasked, http2_only=place.http2_only),
            sock=connected,
            ssl=tls,
            server_hostname=place.host if tls else None,
        )
        if not greeter.is_agreed:
            raise Unsent(NO_HTTP2)


class _Greeter(asyncio.Protocol):
    """Stands at the new connection until it is known what is spoken there."""

    def __init__(self, speaker: Speaker, unasked: str, *, http2_only: bool) -> None:
        self._speaker = speaker
        self._unasked = unasked
        self._http2_only = http2_only
        self.is_agreed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        spoken = self._unasked if tls is None else tls.selected_alpn_protocol() or HTTP1
        if self._http2_only and spoken != HTTP2:
            cast("asyncio.Transport", transport).abort()
            return
        self.is_agreed = True
        protocol = self._speaker(spoken)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


def _name(place: Place, error: OSError) -> str:
    says_so = NO_PROTOCOL in str(error).replace("_", " ").lower()
    return NO_HTTP2 if place.http2_only and says_so else f"connect: {_explain(error)}"


def _explain(error: OSError) -> str:
    """In a word, without the address."""
    if isinstance(error, ssl.SSLError):
        return f"TLS {error.reason or 'failed'}"
    return errno.errorcode.get(error.errno or 0, "no answer")
