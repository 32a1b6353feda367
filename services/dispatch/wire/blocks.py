"""Writing requests: header blocks of literals that depend on nothing before them (RFC 7541).

What is the same in block after block is written once.
"""

from itertools import chain

from hpack.hpack import encode_integer
from hpack.table import HeaderTable

from services.dispatch.wire import Request, Template
from services.dispatch.wire import frames as f

# An HPACK table that never holds anything need not be kept in step with the other side's.
NO_TABLE = b"\x20"
METHOD_POST = b"\x83"
SCHEME = {"https": b"\x87", "http": b"\x86"}
AUTHORITY_NAME, PATH_NAME = b"\x01", b"\x04"
NEVER_INDEXED = 0x10
NAME_BITS, LENGTH_BITS = 4, 7
# What intermediaries must not keep in their tables either.
SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
MAX_KEPT = 1024
MAX_FORMS = 256
STATIC_NAMES = {
    name.decode(): number
    for number, (name, _) in reversed(list(enumerate(HeaderTable.STATIC_TABLE, start=1)))
}


class BlockWriter:
    """Of one origin. What it writes may be said (screening)."""

    def __init__(self, scheme: str, authority: str) -> None:
        self._start = (
            METHOD_POST + SCHEME[scheme] + AUTHORITY_NAME + _string(authority.encode()) + PATH_NAME
        )
        self._shared: dict[tuple[tuple[str, str], ...], bytes] = {}
        # What the latest requests have in common, and how it is written.
        self._template: Template | None = None
        self._shared_piece = b""
        self._own_names: list[bytes] = []
        self._forms: dict[tuple[int, ...], bytes] = {}

    def write_block(self, request: Request) -> bytes:
        """The header block of a request."""
        self._turn_to(request.template)
        said = [request.path.encode(), *(value.encode("latin-1") for value in request.own_values)]
        pieces = zip(self._surround(request), [*said, b""], strict=True)
        return b"".join(chain.from_iterable(pieces))

    def write_whole(self, request: Request, stream_id: int) -> bytes:
        """A request as two frames, head and body, where either fits into one; else nothing.

        Of requests that say things of the same length, all but these things is written once.
        """
        self._turn_to(request.template)
        path, body, values = request.path, request.body, request.own_values
        lengths = (len(path), len(body), *map(len, values))
        form = self._forms.get(lengths)
        if form is None:
            form = self._make_form(request, lengths)
        if not form:
            return b""
        stream = f.NUMBER.pack(stream_id)
        if not values:
            return form % (stream, path.encode(), stream, body)
        said = [value.encode("latin-1") for value in values]
        return form % (stream, path.encode(), *said, stream, body)

    def _make_form(self, request: Request, lengths: tuple[int, ...]) -> bytes:
        around, size = self._surround(request), len(request.body)
        length = sum(map(len, around)) + sum(lengths) - size
        form = b""
        if length <= f.MAX_FRAME and 0 < size <= f.MAX_FRAME:
            first, last = f.FRAME_HEADER.size - f.NUMBER.size, b"%b%b"
            head = f.frame_header(length, f.HEADERS, f.END_HEADERS)[:first]
            data = f.frame_header(size, f.DATA, f.END_STREAM)[:first]
            constants = [head, *around]
            constants[-1] += data
            form = b"%b".join(each.replace(b"%", b"%%") for each in constants) + last
        if len(self._forms) >= MAX_FORMS:
            self._forms.clear()
        self._forms[lengths] = form
        return form

    def _surround(self, request: Request) -> list[bytes]:
        """What stands before the path, before each value of the request's own, and behind."""
        around, before = [self._start + _length(len(request.path))], self._shared_piece
        for name, value in zip(self._own_names, request.own_values, strict=True):
            around.append(before + name + _length(len(value)))
            before = b""
        return [*around, before + _literal("content-length", str(len(request.body)))]

    def _turn_to(self, template: Template) -> None:
        if template is self._template:
            return
        if self._template is None or template.headers != self._template.headers:
            self._shared_piece = self._write_shared(template.headers)
            self._forms = {}
        if self._template is None or template.own_names != self._template.own_names:
            self._own_names = [_name(name) for name in template.own_names]
            self._forms = {}
        self._template = template

    def _write_shared(self, headers: tuple[tuple[str, str], ...]) -> bytes:
        piece = self._shared.get(headers)
        if piece is None:
            if len(self._shared) >= MAX_KEPT:
                self._shared.clear()
            piece = b"".join(_literal(name, value) for name, value in headers)
            self._shared[headers] = piece
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
    return _length(len(octets)) + octets


def _length(size: int) -> bytes:
    return bytes(encode_integer(size, LENGTH_BITS))
