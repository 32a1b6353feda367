"""Writing the header blocks of requests: literals that depend on nothing before them (RFC 7541).

Pieces are kept: the same headers go into block after block.
"""

import re

from hpack.hpack import encode_integer
from hpack.table import HeaderTable

from services.dispatch.wire import Forbidden, Request, Template

# An HPACK table that never holds anything need not be kept in step with the other side's.
NO_TABLE = b"\x20"
METHOD_POST = b"\x83"
SCHEME = {"https": b"\x87", "http": b"\x86"}
AUTHORITY_NAME, PATH_NAME = b"\x01", b"\x04"
NEVER_INDEXED = 0x10
NAME_BITS, LENGTH_BITS = 4, 7
# What intermediaries must not keep in their tables either.
SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
# RFC 9113 §8.2.2: these belong to HTTP/1.1 connections. The length is ours to tell.
OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
VISIBLE = bytes(range(0x21, 0x7F))
# RFC 3986, and what push services are known to use besides; no fragment.
IN_PATHS = VISIBLE.translate(None, b"#\\")
MAX_KEPT = 1024
KNOWN_LENGTHS = 512
STATIC_NAMES = {
    name.decode(): number
    for number, (name, _) in reversed(list(enumerate(HeaderTable.STATIC_TABLE, start=1)))
}


def check_header(name: str, value: str) -> None:
    """Raises Forbidden for what would be read as something else, or is not the caller's to say."""
    if name in OURS or not NAME.fullmatch(name):
        raise Forbidden("a header that may not be sent")
    check_value(value)


def check_value(value: str) -> None:
    """Likewise."""
    if not VALUE.fullmatch(value):
        raise Forbidden("a header that may not be sent")


def check_path(path: str) -> bytes:
    """Likewise: a path as it is written."""
    octets = path.encode()
    if octets.translate(None, IN_PATHS) or octets[:1] != b"/":
        raise Forbidden("a path that may not be asked for")
    return octets


class BlockWriter:
    """Of one origin."""

    def __init__(self, scheme: str, authority: str) -> None:
        self._start = (
            METHOD_POST + SCHEME[scheme] + AUTHORITY_NAME + _string(authority.encode()) + PATH_NAME
        )
        self._shared: dict[tuple[tuple[str, str], ...], bytes] = {}
        self._names: dict[str, bytes] = {}
        self._lengths: dict[int, bytes] = {}
        # What the latest requests have in common, and how it is written.
        self._template: Template | None = None
        self._shared_piece = b""
        self._own_names: list[bytes] = []

    def write(self, request: Request) -> bytes:
        """A whole block.

        Raises:
            Forbidden: if a header may not be sent.
        """
        if request.template is not self._template:
            self._turn_to(request.template)
        length = len(request.body)
        pieces = [self._start, _string(check_path(request.path)), self._shared_piece]
        for name, value in zip(self._own_names, request.own_values, strict=True):
            octets = value.encode()
            if octets.translate(None, VISIBLE):
                # Rare: not everything is visible that may be said.
                check_value(value)
                octets = value.encode("latin-1")
            pieces += name, _string(octets)
        pieces.append(self._lengths.get(length) or self._write_length(length))
        return b"".join(pieces)

    def _turn_to(self, template: Template) -> None:
        headers = template.headers
        shared = self._shared.get(headers)
        self._shared_piece = self._write_shared(headers) if shared is None else shared
        self._own_names = [
            self._names.get(name) or self._write_name(name) for name in template.own_names
        ]
        self._template = template

    def _write_shared(self, headers: tuple[tuple[str, str], ...]) -> bytes:
        for name, value in headers:
            check_header(name, value)
        piece = b"".join(_literal(name, value) for name, value in headers)
        if len(self._shared) >= MAX_KEPT:
            self._shared.clear()
        self._shared[headers] = piece
        return piece

    def _write_name(self, name: str) -> bytes:
        check_header(name, "")
        piece = _name(name)
        if len(self._names) >= MAX_KEPT:
            self._names.clear()
        self._names[name] = piece
        return piece

    def _write_length(self, length: int) -> bytes:
        piece = _literal("content-length", str(length))
        if len(self._lengths) >= MAX_KEPT:
            self._lengths.clear()
        self._lengths[length] = piece
        return piece


def _literal(name: str, value: str) -> bytes:
    return _name(name) + _string(value.encode("latin-1"))


def _name(name: str) -> bytes:
    """The beginning of a literal, up to its value."""
    kind = NEVER_INDEXED if name in SECRET else 0
    index = encode_integer(STATIC_NAMES.get(name, 0), NAME_BITS)
    index[0] |= kind
    spelt = b"" if name in STATIC_NAMES else _string(name.encode())
    return bytes(index) + spelt


def _string(octets: bytes) -> bytes:
    """Plain, not in Huffman's code: bytes are cheap, and its encoder is not."""
    size = len(octets)
    return (LENGTHS[size] if size < KNOWN_LENGTHS else _length(size)) + octets


def _length(size: int) -> bytes:
    return bytes(encode_integer(size, LENGTH_BITS))


LENGTHS = [_length(size) for size in range(KNOWN_LENGTHS)]
