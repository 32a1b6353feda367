"""HTTP/2's frames (RFC 9113 §4, §6): their names, their bytes, and what breaks a connection."""

from enum import IntEnum
from struct import Struct as Layout

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20

HEADER_BYTES = 9
# What both sides may send unless told otherwise; we never tell.
MAX_FRAME = 16_384
DEFAULT_WINDOW = 65_535
MAX_WINDOW = MAX_STREAM_ID = 0x7FFF_FFFF

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# The length (24 bits) and the kind (8 bits) are read as one number.
FRAME_HEADER = Layout(">IBI")
NUMBER = Layout(">I")
SETTING = Layout(">HI")
TWO_NUMBERS = Layout(">II")


class Code(IntEnum):
    """RFC 9113 §7."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class ConnectionBroken(Exception):
    """The other side broke a rule that no connection survives."""

    def __init__(self, code: Code, rule: str) -> None:
        super().__init__(rule)
        self.code = code


class StreamBroken(Exception):
    """The other side broke a rule that this one stream does not survive."""


def name_of(code: int) -> str:
    try:
        return Code(code).name
    except ValueError:
        return f"error {code}"


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return frame_header(len(payload), kind, flags, stream_id) + payload


def frame_header(length: int, kind: int, flags: int, stream_id: int = 0) -> bytes:
    return FRAME_HEADER.pack(length << 8 | kind, flags, stream_id)


def rst_stream(stream_id: int, code: Code) -> bytes:
    return frame(RST_STREAM, 0, stream_id, NUMBER.pack(code))


def goaway(code: Code) -> bytes:
    """Ours: no stream of the other side's was ever taken."""
    return frame(GOAWAY, 0, 0, TWO_NUMBERS.pack(0, code))


def window_update(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, NUMBER.pack(increment))


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(SETTING.pack(*pair) for pair in pairs))


def headers(stream_id: int, block: bytes, max_frame: int, *, ends: bool) -> bytes:
    """A header block, with CONTINUATION frames where one frame cannot hold it."""
    pieces = [block[at : at + max_frame] for at in range(0, len(block), max_frame)] or [b""]
    frames = []
    for number, piece in enumerate(pieces):
        flags = END_HEADERS if number == len(pieces) - 1 else 0
        if number == 0:
            frames.append(frame(HEADERS, flags | (END_STREAM if ends else 0), stream_id, piece))
        else:
            frames.append(frame(CONTINUATION, flags, stream_id, piece))
    return b"".join(frames)


def strip_padding(flags: int, payload: bytes) -> bytes:
    """The content of a HEADERS or DATA frame without its padding and priority."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ConnectionBroken(Code.FRAME_SIZE_ERROR, "padding without its length")
        start, end = 1, end - payload[0]
    if flags & PRIORITIZED:
        start += 5
    if end < start:
        raise ConnectionBroken(Code.PROTOCOL_ERROR, "padding longer than its frame")
    return payload[start:end]
