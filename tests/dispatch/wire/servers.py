"""Other sides for the wire: HTTP/2 by the sandbox's server, HTTP/1.1 by a few lines."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.dispatch.wire import Identity
from services.sandbox import http2
from services.sandbox.exchange import Answer, Answerer, Request

GREETING = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: plain\r\n\r\nhello"


def make_identity(name: str) -> Identity:
    """A certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Identity(
        certificate.public_bytes(Encoding.PEM).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )


def demand(context: ssl.SSLContext, identity: Identity, folder: Path) -> ssl.SSLContext:
    """Make a server's context accept this client alone."""
    file = folder / "client.pem"
    file.write_text(identity.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(file)
    return context


@asynccontextmanager
async def http2_server(answer: Answerer, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """Serve on loopback; the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with http2.serving(answer, listener, tls):
            yield f"https://localhost:{listener.getsockname()[1]}"


class PlainServer:
    """Speaks HTTP/1.1 only: keeps what was asked, answers all alike."""

    def __init__(self, reply: bytes = GREETING) -> None:
        self.reply = reply
        self.asked: list[bytes] = []
        self.connections = 0
        self.never = asyncio.Event()

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        scheme = "http" if tls is None else "https"
        try:
            yield f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.never.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                self.asked.append(head + await reader.readexactly(length))
                if not self.reply:
                    await self.never.wait()
                    break
                writer.write(self.reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


__all__ = ["Answer", "PlainServer", "Request", "demand", "http2_server", "make_identity"]
