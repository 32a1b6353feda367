"""Answers as they come in: heads in one frame or several, bodies within their windows."""

from services.dispatch.wire import Answer
from services.dispatch.wire import frames as f
from services.dispatch.wire.exchange import MAX_BODY_BYTES, Exchange
from services.dispatch.wire.frames import Code, ConnectionBroken, StreamBroken
from services.dispatch.wire.heads import MAX_HEADER_BYTES, PLAIN_SUCCESS, read_head, read_success
from services.dispatch.wire.streams import Streams

# What the other side may send us on the whole connection before we have looked at it.
INFLOW_WINDOW = 1 << 20
MAX_HEADS_KEPT = 64
MAX_CONTINUATIONS = 32
FINAL, SWITCHING_PROTOCOLS, REDIRECTION, SERVER_ERROR = 200, 101, 300, 500
# What is answered to a credential that is none.
DISTRUST = (401, 403)


class Answers:
    def __init__(self, streams: Streams, out: list[bytes], *, on_trial: bool) -> None:
        # Whether the other side has yet to trust us with more than one stream.
        self.on_trial = on_trial
        # Heads seen before: within a second a server's are often alike.
        self.heads: dict[bytes, Answer] = {}
        # Stream, flags and block of a head of which more is to come.
        self.open_head: tuple[int, int, bytearray] | None = None
        self._streams = streams
        self._out = out
        self._continuations = 0
        self._inflow = INFLOW_WINDOW

    def read_whole(self, block: bytes) -> Answer | None:
        """The answer that such a head is by itself: a success, or one that was seen before."""
        if block[:1] == PLAIN_SUCCESS:
            # Not kept: where each names its request, they would only drive out others.
            return read_success(block)
        return self.heads.get(block)

    def take_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        exchange = self._streams.find(stream_id)
        self._count(len(payload))
        piece = f.strip_padding(flags & ~f.PRIORITIZED, payload)
        if exchange is None:
            return
        if exchange.head is None:
            raise StreamBroken("a body before its head")
        exchange.received += len(payload)
        if exchange.received > MAX_BODY_BYTES:
            raise StreamBroken("more than its window")
        exchange.add(piece)
        if flags & f.END_STREAM:
            self._complete(stream_id, exchange)
        elif exchange.received == MAX_BODY_BYTES:
            # The rest is not read: its window is used up, and stays so.
            self._streams.reset(stream_id, Code.CANCEL)
            self._streams.ended.append((exchange, exchange.answer()))

    def take_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._streams.find(stream_id)
        block = f.strip_padding(flags, payload)
        if flags & f.END_HEADERS:
            self._take_head(flags, stream_id, block)
        else:
            self.open_head = stream_id, flags, bytearray(block)
            self._continuations = 0

    def take_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self.open_head is None or self.open_head[0] != stream_id:
            raise ConnectionBroken(Code.PROTOCOL_ERROR, "CONTINUATION of nothing")
        _, first_flags, block = self.open_head
        block += payload
        self._continuations += 1
        if len(block) > MAX_HEADER_BYTES or self._continuations > MAX_CONTINUATIONS:
            raise ConnectionBroken(Code.ENHANCE_YOUR_CALM, "a header block too large")
        if flags & f.END_HEADERS:
            self.open_head = None
            self._take_head(first_flags, stream_id, bytes(block))

    def _count(self, size: int) -> None:
        self._inflow -= size
        if self._inflow < 0:
            raise ConnectionBroken(Code.FLOW_CONTROL_ERROR, "more than the connection's window")
        if self._inflow < INFLOW_WINDOW // 2:
            self._out.append(f.window_update(0, INFLOW_WINDOW - self._inflow))
            self._inflow = INFLOW_WINDOW

    def _take_head(self, flags: int, stream_id: int, block: bytes) -> None:
        exchange = self._streams.find(stream_id)
        if exchange is None:
            return
        ends = bool(flags & f.END_STREAM)
        if exchange.head is not None:
            if not ends:
                raise StreamBroken("trailers that are not the end")
            self._complete(stream_id, exchange)
            return
        head = self._read(block)
        if head.status >= FINAL:
            exchange.head = head
            if ends:
                self._complete(stream_id, exchange)
        elif ends or head.status == SWITCHING_PROTOCOLS:
            raise StreamBroken("an interim answer that is the end")

    def _read(self, block: bytes) -> Answer:
        """A head, as the answer that it is if nothing follows."""
        head = self.read_whole(block)
        if head is None:
            head = Answer(*read_head(block), b"")
            if head.status >= FINAL and not self.on_trial:
                if len(self.heads) >= MAX_HEADS_KEPT:
                    self.heads.clear()
                self.heads[block] = head
        return head

    def _complete(self, stream_id: int, exchange: Exchange) -> None:
        answer = exchange.answer()
        if answer.status >= REDIRECTION:
            _check_length(answer)
        if answer.status < SERVER_ERROR and answer.status not in DISTRUST:
            self.on_trial = False
        self._streams.complete(stream_id, exchange, answer)


def _check_length(answer: Answer) -> None:
    """RFC 9113 §8.1.1. Of a success nobody reads the body, nor therefore what is said of it."""
    said = answer.headers.get("content-length")
    if said is not None and not (said.isdecimal() and int(said) == len(answer.body)):
        raise StreamBroken("a body of another length than it says")
