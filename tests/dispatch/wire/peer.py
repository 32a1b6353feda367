"""A server's side of HTTP/2 that lets nothing pass which RFC 9113 forbids a client."""

from collections import deque
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PSEUDO = [":method", ":scheme", ":authority", ":path"]


@dataclass
class Stream:
    path: str
    length: int
    window: int
    body: bytearray = field(default_factory=bytearray)
    # Whether the client has said all, and whether we have.
    asked: bool = False
    answered: bool = False
    was_reset: bool = False
    # What we may still send on it.
    room: int = 65_535


class Peer:
    """`feed` what the client sends; what we say gathers in `out`."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.streams: dict[int, Stream] = {}
        self.acknowledged = 0
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.goodbye: int | None = None
        self.room = 65_535
        self._received = bytearray()
        self._greeted = False
        self._settled = False
        self._decoder = Decoder()
        self._encoder = Encoder()
        self._encoder.header_table_size = 0
        self._last = 0
        self._window = 65_535
        # As the client knows them: changed when it acknowledges.
        self._initial, self._most, self._frame = 65_535, 1 << 32, 16_384
        self._told: deque[dict[int, int]] = deque()
        self._client_initial = 65_535
        self._head: tuple[int, bool, bytearray] | None = None

    # What it says.

    def say(self, frame: Frame) -> None:
        self.out += frame.serialize()

    def settings(self, values: dict[int, int]) -> None:
        self._told.append(values)
        self.say(SettingsFrame(0, settings=values))

    def widen(self, stream_id: int, increment: int) -> None:
        if stream_id:
            self.streams[stream_id].window += increment
        else:
            self._window += increment
        self.say(WindowUpdateFrame(stream_id, window_increment=increment))

    def head(
        self,
        stream_id: int,
        headers: list[tuple[str, str]],
        *,
        ends: bool,
        split: int = 0,
        padding: int = 0,
    ) -> None:
        block = self._encoder.encode(headers, huffman=bool(padding % 2))
        pieces = [block[:split], block[split:]] if split else [block]
        first = HeadersFrame(stream_id, pieces[0])
        if ends:
            first.flags.add("END_STREAM")
        if padding:
            first.flags.add("PADDED")
            first.pad_length = padding
        frames: list[HeadersFrame | ContinuationFrame] = [first]
        frames += [ContinuationFrame(stream_id, piece) for piece in pieces[1:]]
        frames[-1].flags.add("END_HEADERS")
        for frame in frames:
            self.say(frame)
        if ends:
            self.streams[stream_id].answered = True

    def data(self, stream_id: int, body: bytes, *, ends: bool, padding: int = 0) -> None:
        """As much as the client's windows have room for; only then the end."""
        stream = self.streams[stream_id]
        overhead = padding + 1 if padding else 0
        size = len(body) + overhead
        if size > min(stream.room, self.room):
            return
        frame = DataFrame(stream_id, body)
        if padding:
            frame.flags.add("PADDED")
            frame.pad_length = padding
        if ends:
            frame.flags.add("END_STREAM")
            stream.answered = True
        stream.room -= size
        self.room -= size
        self.say(frame)

    def reset(self, stream_id: int, code: int) -> None:
        self.streams[stream_id].was_reset = True
        self.say(RstStreamFrame(stream_id, error_code=code))

    def goaway(self, last: int, code: int = 0, reason: bytes = b"") -> None:
        self.goodbye = last
        self.say(GoAwayFrame(0, last_stream_id=last, error_code=code, additional_data=reason))

    def ping(self, content: bytes) -> None:
        self.say(PingFrame(0, content))

    # What it hears.

    def feed(self, sent: bytes) -> None:
        self._received += sent
        if not self._greeted and len(self._received) >= len(PREFACE):
            assert self._received.startswith(PREFACE)
            del self._received[: len(PREFACE)]
            self._greeted = True
        while self._greeted and len(self._received) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(bytes(self._received[:9])))
            if len(self._received) < 9 + length:
                break
            frame.parse_body(memoryview(bytes(self._received[9 : 9 + length])))
            del self._received[: 9 + length]
            self._hear(frame, length)

    @property
    def is_owed_nothing(self) -> bool:
        """Whether no frame of the client's is cut off."""
        return not self._received

    def _hear(self, frame: Frame, length: int) -> None:
        assert length <= self._frame
        assert self._settled or isinstance(frame, SettingsFrame)
        assert self._head is None or isinstance(frame, ContinuationFrame)
        match frame:
            case HeadersFrame():
                self._hear_headers(frame)
            case ContinuationFrame():
                self._hear_continuation(frame)
            case DataFrame():
                self._hear_data(frame, length)
            case SettingsFrame():
                self._hear_settings(frame)
            case WindowUpdateFrame():
                self._hear_window_update(frame)
            case RstStreamFrame():
                assert frame.stream_id in self.streams
                self.streams[frame.stream_id].was_reset = True
            case PingFrame() if "ACK" in frame.flags:
                self.pongs.append(frame.opaque_data)
            case PingFrame():
                self.pings.append(frame.opaque_data)
                self.say(PingFrame(0, frame.opaque_data, flags=("ACK",)))
            case GoAwayFrame():
                assert frame.last_stream_id == 0
            case _:
                raise AssertionError(type(frame))

    def _hear_headers(self, frame: HeadersFrame) -> None:
        assert frame.stream_id % 2 == 1
        assert frame.stream_id > self._last
        self._last = frame.stream_id
        ends = "END_STREAM" in frame.flags
        self._head = frame.stream_id, ends, bytearray(frame.data)
        if "END_HEADERS" in frame.flags:
            self._begin()

    def _hear_continuation(self, frame: ContinuationFrame) -> None:
        assert self._head is not None
        assert self._head[0] == frame.stream_id
        self._head[2].extend(frame.data)
        if "END_HEADERS" in frame.flags:
            self._begin()

    def _begin(self) -> None:
        assert self._head is not None
        stream_id, ends, block = self._head
        self._head = None
        headers = [(str(name), str(value)) for name, value in self._decoder.decode(bytes(block))]
        names = [name for name, _ in headers]
        assert sorted(names[:4]) == sorted(PSEUDO)
        assert not any(name.startswith(":") for name in names[4:])
        told = dict(headers)
        stream = Stream(told[":path"], int(told["content-length"]), self._initial, asked=ends)
        stream.room = self._client_initial
        assert not ends or stream.length == 0
        self.streams[stream_id] = stream
        assert len(self.open_streams) <= self._most

    @property
    def open_streams(self) -> dict[int, Stream]:
        return {
            number: stream
            for number, stream in self.streams.items()
            if not (stream.was_reset or (stream.asked and stream.answered))
        }

    def _hear_data(self, frame: DataFrame, length: int) -> None:
        stream = self.streams[frame.stream_id]
        assert not stream.asked
        stream.body += frame.data
        stream.window -= length
        self._window -= length
        assert self._window >= 0
        assert length == 0 or stream.window >= 0
        if "END_STREAM" in frame.flags:
            stream.asked = True
            assert len(stream.body) == stream.length

    def _hear_settings(self, frame: SettingsFrame) -> None:
        if "ACK" not in frame.flags:
            self._settled = True
            assert frame.settings[SettingsFrame.HEADER_TABLE_SIZE] == 0
            assert frame.settings[SettingsFrame.ENABLE_PUSH] == 0
            self._client_initial = frame.settings[SettingsFrame.INITIAL_WINDOW_SIZE]
            self.say(SettingsFrame(0, flags=("ACK",)))
            return
        self.acknowledged += 1
        values = self._told.popleft()
        initial = values.get(SettingsFrame.INITIAL_WINDOW_SIZE, self._initial)
        for stream in self.streams.values():
            stream.window += initial - self._initial
        self._initial = initial
        self._most = values.get(SettingsFrame.MAX_CONCURRENT_STREAMS, self._most)
        self._frame = values.get(SettingsFrame.MAX_FRAME_SIZE, self._frame)

    def _hear_window_update(self, frame: WindowUpdateFrame) -> None:
        if frame.stream_id:
            self.streams[frame.stream_id].room += frame.window_increment
        else:
            self.room += frame.window_increment


__all__ = ["Peer", "PriorityFrame", "Stream"]
