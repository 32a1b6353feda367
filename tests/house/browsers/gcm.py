"""Google's push service as Chromium speaks to it: check-in, registration, a socket for messages.

Source: Chromium's google_apis/gcm (checkin.proto, mcs.proto, connection_handler_impl.cc). The
messages are few and their fields fewer, so they are written by hand, as Google keeps them internal.
"""

import asyncio
import secrets
import ssl
import struct
from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

VERSION = 41
LOGIN_ANSWER, DATA = 3, 8
LOGIN, PING, PONG = 2, 0, 1
PROTOBUF = "application/x-protobuf"
VARINT, FIXED64, BYTES = 0, 1, 2


class Gcm:
    """For one browser, which asks for one token."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(90)
        self.requests: list[dict[str, str]] = []
        self._registration: Mapping[str, str] = {}
        self._writer: asyncio.StreamWriter | None = None

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/checkin", self._check_in, methods=["POST"]),
            Route("/register", self._register, methods=["POST"]),
            Route("/fcm/send/{token}", self._take, methods=["POST"]),
        ]

    async def listen(self, tls: ssl.SSLContext) -> asyncio.Server:
        """Whoever calls it closes it. The browser's connection is on 127.0.0.1."""
        return await asyncio.start_server(self._speak, "127.0.0.1", 0, ssl=tls)

    async def _check_in(self, _: Request) -> Response:
        answer = (
            _varint_field(1, 1)
            + _fixed_field(7, 0x4711471147114711)
            + _fixed_field(8, 0x0815081508150815)
        )
        return Response(answer, media_type=PROTOBUF)

    async def _register(self, request: Request) -> Response:
        self._registration = {key: str(value) for key, value in (await request.form()).items()}
        return Response(f"token={self.token}", media_type="text/plain")

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(1)
            writer.write(bytes([VERSION]))
            while True:
                tag = (await reader.readexactly(1))[0]
                await reader.readexactly(await _read_varint(reader))
                if tag == LOGIN:
                    self._write(writer, LOGIN_ANSWER, _text_field(1, "1") + _text_field(2, "it"))
                    self._writer = writer
                elif tag == PING:
                    self._write(writer, PONG, b"")
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer = None
        finally:
            writer.close()

    async def _take(self, request: Request) -> Response:
        """A sender's POST becomes a message to the browser."""
        if self._writer is None:
            return Response(status_code=503)
        self.requests.append(dict(request.headers))
        told = {
            "content-encoding": request.headers["content-encoding"],
            "subtype": self._registration.get("X-subtype", ""),
        }
        message = b"".join(
            (
                _text_field(3, self._registration["sender"]),
                _text_field(5, self._registration["app"]),
                *(
                    _bytes_field(7, _text_field(1, key) + _text_field(2, value))
                    for key, value in told.items()
                    if value
                ),
                _text_field(9, f"0:{secrets.token_hex(8)}"),
                _bytes_field(21, await request.body()),
            )
        )
        self._write(self._writer, DATA, message)
        return Response(status_code=201)

    @staticmethod
    def _write(writer: asyncio.StreamWriter, tag: int, message: bytes) -> None:
        writer.write(bytes([tag]) + _varint(len(message)) + message)


def _varint(number: int) -> bytes:
    return bytes(_varint_bytes(number))


def _varint_bytes(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


async def _read_varint(reader: asyncio.StreamReader) -> int:
    number, shift = 0, 0
    while True:
        (byte,) = await reader.readexactly(1)
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
        shift += 7


def _varint_field(field: int, number: int) -> bytes:
    return _varint(field << 3 | VARINT) + _varint(number)


def _fixed_field(field: int, number: int) -> bytes:
    return _varint(field << 3 | FIXED64) + struct.pack("<Q", number)


def _bytes_field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | BYTES) + _varint(len(content)) + content


def _text_field(field: int, text: str) -> bytes:
    return _bytes_field(field, text.encode())
