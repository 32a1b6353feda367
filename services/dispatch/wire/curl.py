"""The wire by libcurl: HTTP/2 multiplexed over TLS, driven by the event loop."""

import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pycurl

from services.dispatch.wire import Answer, Forbidden, Identity, Request, Unanswered, Unsent
from services.kit.egress import EgressGuard

CONNECT_SECONDS = 5
MILLISECONDS = 1000
MAX_STREAMS = 1000
MAX_ANSWER_BYTES = 65_536
MAX_IDLE_HANDLES = 512
MAX_POOLS = 1000
# Failures before any byte of the request can have left.
UNSENT = frozenset(
    {
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_URL_MALFORMAT,
        pycurl.E_UNSUPPORTED_PROTOCOL,
    }
)


@dataclass(slots=True)
class _Pool:
    """Connections that the requests of one pool share."""

    multi: pycurl.AsyncCurlMulti
    busy: int = 0


class CurlWire:
    """A Wire of one event loop. Connections are kept, and shared by pool and host.

    `ca_file` holds authorities to trust beside the system's.
    """

    def __init__(self, guard: EgressGuard, ca_file: Path | None = None) -> None:
        self._guard = guard
        self._roots = _read_roots(ca_file) if ca_file else None
        self._pools: OrderedDict[tuple[str, Identity | None], _Pool] = OrderedDict()
        self._idle: list[pycurl.Curl] = []

    async def close(self) -> None:
        while self._pools:
            _, pool = self._pools.popitem()
            await pool.multi.aclose()
        for handle in self._idle:
            handle.close()

    async def post(self, request: Request) -> Answer:
        if not self._guard.admits_url(request.url):
            raise Forbidden("the URL is not one that a request may go to")
        handle = self._idle.pop() if self._idle else pycurl.Curl()
        exchange = _Exchange(self._guard, urlsplit(request.url).hostname or "")
        try:
            exchange.prepare(handle, request, self._roots)
            async with self._use((request.pool, request.identity)) as multi:
                await multi.perform(handle)
            return Answer(
                handle.getinfo(pycurl.RESPONSE_CODE), exchange.headers, bytes(exchange.body)
            )
        except pycurl.error as error:
            raise exchange.explain(error) from None
        finally:
            self._keep(handle)

    @asynccontextmanager
    async def _use(self, name: tuple[str, Identity | None]) -> AsyncIterator[pycurl.AsyncCurlMulti]:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = _Pool(pycurl.AsyncCurlMulti())
            pool.multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, MAX_STREAMS)
        self._pools.move_to_end(name)
        pool.busy += 1
        try:
            await self._make_room()
            yield pool.multi
        finally:
            pool.busy -= 1

    async def _make_room(self) -> None:
        """Close the pools least recently used, if there are too many and nobody is in them."""
        if len(self._pools) <= MAX_POOLS:
            return
        name = next((name for name, pool in self._pools.items() if not pool.busy), None)
        if name is not None:
            await self._pools.pop(name).multi.aclose()

    def _keep(self, handle: pycurl.Curl) -> None:
        if len(self._idle) < MAX_IDLE_HANDLES:
            handle.reset()
            self._idle.append(handle)
        else:
            handle.close()


def _read_roots(ca_file: Path) -> bytes:
    """The system's authorities and those of the file."""
    system = ssl.get_default_verify_paths().cafile
    return (Path(system).read_bytes() if system else b"") + b"\n" + ca_file.read_bytes()


class _Exchange:
    """What one request gathers while libcurl works on it."""

    def __init__(self, guard: EgressGuard, host: str) -> None:
        self._guard = guard
        self._host = host
        self._forbidden = False
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    def prepare(self, handle: pycurl.Curl, request: Request, roots: bytes | None) -> None:
        set_option: Callable[[int, Any], None] = handle.setopt
        set_option(pycurl.URL, request.url)
        set_option(pycurl.POST, 1)
        set_option(pycurl.POSTFIELDS, request.body)
        # An empty Expect: libcurl would otherwise ask for leave before larger bodies.
        set_option(
            pycurl.HTTPHEADER, [*(f"{name}: {value}" for name, value in request.headers), "expect:"]
        )
        set_option(
            pycurl.HTTP_VERSION,
            pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
            if request.http2_only
            else pycurl.CURL_HTTP_VERSION_2TLS,
        )
        set_option(pycurl.PIPEWAIT, 1)
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.FOLLOWLOCATION, 0)
        set_option(pycurl.PROXY, "")
        set_option(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
        set_option(pycurl.TIMEOUT_MS, max(int(request.seconds * MILLISECONDS), 1))
        set_option(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        if roots is not None:
            set_option(pycurl.CAINFO_BLOB, roots)
        if request.identity is not None:
            set_option(pycurl.SSLCERT_BLOB, request.identity.certificate.encode())
            set_option(pycurl.SSLKEY_BLOB, request.identity.private_key.encode())
        set_option(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        set_option(pycurl.HEADERFUNCTION, self._hear_header)
        set_option(pycurl.WRITEFUNCTION, self._hear_body)

    def explain(self, error: pycurl.error) -> Unsent | Unanswered | Forbidden:
        if self._forbidden:
            return Forbidden("the host leads to an address that no request may go to")
        number = error.args[0]
        reason = f"curl {number}"
        return Unsent(reason) if number in UNSENT else Unanswered(reason)

    def _open_socket(self, _purpose: int, target: Any) -> socket.socket | int:  # noqa: ANN401  pycurl's own
        family, kind, protocol, address = target
        host = address[0].decode() if isinstance(address[0], bytes) else address[0]
        if not self._guard.admits_connection(self._host, host):
            self._forbidden = True
            bad: int = pycurl.SOCKET_BAD
            return bad
        return socket.socket(family, kind, protocol)

    def _hear_header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self.headers[name.strip().lower()] = value.strip()

    def _hear_body(self, part: bytes) -> None:
        room = MAX_ANSWER_BYTES - len(self.body)
        self.body += part[:room]
