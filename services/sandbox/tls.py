"""TLS that takes any client certificate and looks at it afterwards, as the imitated APNs has to.

The standard library refuses certificates that nobody it trusts has signed, in the handshake, before
anyone could ask what they are: those that tests make for themselves among them.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from cryptography import x509
from OpenSSL import SSL

READ_SIZE = 65536


class Inner(Protocol):
    """What an asyncio protocol is told, when it needs no more than this."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...

    def data_received(self, data: bytes) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


def open_context(
    certificate: Path, key: Path, spoken: Callable[[], Sequence[str]] = lambda: ("h2",)
) -> SSL.Context:
    """TLS 1.2 or later, any client certificate or none, and what is `spoken` at the time."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(str(certificate))
    context.use_privatekey_file(str(key))

    def choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ANN401  a mark
        ours = (each.encode() for each in spoken())
        return next((each for each in ours if each in offered), SSL.NO_OVERLAPPING_PROTOCOLS)

    context.set_alpn_select_callback(choose)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


class TlsProtocol(asyncio.Protocol):
    """Stands between a socket and a protocol that knows nothing of TLS."""

    def __init__(self, context: SSL.Context, choose: Callable[[str], Inner]) -> None:
        """`choose` names the protocol that both sides agreed on, if they did."""
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._choose = choose
        self._inner: Inner
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._tls.bio_write(data)
            if not self._is_open and not self._shake_hands():
                return
            self._read()
        except SSL.ZeroReturnError:
            self._transport.close()
        except SSL.Error:
            self.flush()
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_open:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._is_open:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._is_open:
            self._inner.resume_writing()

    def flush(self) -> None:
        """Hand on what TLS has to say."""
        try:
            while not self._transport.is_closing():
                self._transport.write(self._tls.bio_read(READ_SIZE))
        except SSL.WantReadError:
            pass

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self.flush()
            return False
        self.flush()
        self._inner = self._choose(self._tls.get_alpn_proto_negotiated().decode())
        self._is_open = True
        self._inner.connection_made(_Transport(self, self._tls, self._transport))
        return True

    def _read(self) -> None:
        try:
            while not self._transport.is_closing():
                self._inner.data_received(self._tls.recv(READ_SIZE))
        except SSL.WantReadError:
            self.flush()


class _Transport(asyncio.Transport):
    """What the inner protocol writes to."""

    def __init__(self, owner: TlsProtocol, tls: SSL.Connection, outer: asyncio.Transport) -> None:
        super().__init__({"alpn": tls.get_alpn_proto_negotiated().decode()})
        self._owner = owner
        self._tls = tls
        self._outer = outer

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  asyncio's own
        if name == "client_certificate":
            return read_client(self._tls)
        return super().get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._outer.is_closing():
            self._tls.sendall(bytes(data))
            self._owner.flush()

    def close(self) -> None:
        if not self._outer.is_closing():
            self._tls.shutdown()
            self._owner.flush()
            self._outer.close()

    def abort(self) -> None:
        self._outer.abort()

    def pause_reading(self) -> None:
        self._outer.pause_reading()

    def is_closing(self) -> bool:
        return self._outer.is_closing()


def read_client(tls: SSL.Connection) -> x509.Certificate | None:
    """The certificate that the client showed, whoever signed it."""
    shown = tls.get_peer_certificate(as_cryptography=True)
    return shown if isinstance(shown, x509.Certificate) else None
