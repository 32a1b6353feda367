"""Reading the head of an answer: its status at once, its headers when somebody looks.

We tell the other side that our HPACK table has no room, so a header block depends on nothing before
it. A full decoding costs more than all else that is done for a notification; that it was accepted
stands in the first byte.
"""

from collections.abc import Iterator, Mapping

from hpack import Decoder, HPACKError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from services.dispatch.wire import Answer
from services.dispatch.wire.frames import Code, ConnectionBroken, StreamBroken

MAX_HEADER_BYTES = 65_536
SUCCESSES = range(200, 300)
# RFC 7541: index 8 is `:status 200` and also the name alone; 9 and 10 are 204 and 206.
STATUS_NAME = 8
# A literal without indexing, never indexed, and one that we have no table to index in.
LITERAL_KINDS = (0x00, 0x10, 0x40)
HUFFMAN = 0x80
NO_TABLE = b"\x20"


def _write_known() -> dict[bytes, int]:
    """Each way in which a success may be the first header."""
    huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
    known = {b"\x88": 200, b"\x89": 204, b"\x8a": 206}
    for status in SUCCESSES:
        text = str(status).encode()
        short = huffman.encode(text)
        for kind in LITERAL_KINDS:
            known[bytes((kind | STATUS_NAME, len(text))) + text] = status
            known[bytes((kind | STATUS_NAME, HUFFMAN | len(short))) + short] = status
    return known


KNOWN = _write_known()
LENGTHS = (1, 4, 5)


class LateHeaders(Mapping[str, str]):
    """The headers of a success, decoded when first looked at; none if they are malformed."""

    __slots__ = ("_block", "_decoded")

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._decoded: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, str]:
        if self._decoded is None:
            try:
                _, self._decoded = decode(self._block)
            except (ConnectionBroken, StreamBroken):
                self._decoded = {}
        return self._decoded


Head = tuple[int, Mapping[str, str]]
# How a head begins that says 200 in one byte: nearly all do that are one.
PLAIN_SUCCESS = b"\x88"


def read_success(block: bytes) -> Answer:
    """The answer that such a head is, if nothing follows."""
    return Answer(SUCCESSES[0], LateHeaders(block), b"")


def read_head(block: bytes) -> Head:
    """Status and headers of an answer.

    Raises:
        ConnectionBroken: if the block cannot be decoded.
        StreamBroken: if it is no head of an answer.
    """
    start = 1 if block[:1] == NO_TABLE else 0
    for length in LENGTHS:
        status = KNOWN.get(block[start : start + length])
        if status is not None:
            return status, LateHeaders(block)
    return decode(block)


def decode(block: bytes) -> tuple[int, dict[str, str]]:
    """Likewise, all of it now."""
    decoder = Decoder(MAX_HEADER_BYTES)
    decoder.max_allowed_table_size = 0
    decoder.header_table_size = 0
    try:
        pairs = decoder.decode(block, raw=True)
    except (HPACKError, UnicodeDecodeError):
        raise ConnectionBroken(Code.COMPRESSION_ERROR, "a malformed header block") from None
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = bytes(raw_name).decode("latin-1"), bytes(raw_value).decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    status = headers.pop(":status", "")
    if not _is_status(status) or any(name[:1] == ":" or name.lower() != name for name in headers):
        raise StreamBroken("no head of an answer")
    return int(status), headers


def _is_status(text: str) -> bool:
    return len(text) == len("200") and text.isascii() and text.isdigit() and text >= "100"
