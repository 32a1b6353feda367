"""HTTP/2 as a client speaks it, without a socket: bytes come in, bytes go out, exchanges end.

Everything here is for one connection. Its owner looks at `streams.ended`, `streams.returned`, `out`
and `is_broken` after each call.
"""

import re
from collections import deque

from services.dispatch.wire import frames as f
from services.dispatch.wire.answers import INFLOW_WINDOW, Answers
from services.dispatch.wire.blocks import NO_TABLE, BlockWriter
from services.dispatch.wire.exchange import MAX_BODY_BYTES, Carrier, Exchange
from services.dispatch.wire.frames import Code, ConnectionBroken, StreamBroken
from services.dispatch.wire.heads import MAX_HEADER_BYTES
from services.dispatch.wire.outflow import Outflow
from services.dispatch.wire.settings import (
    ASSUMED_STREAMS,
    ENABLE_PUSH,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    MAX_HEADER_LIST_SIZE,
    PeerSettings,
)
from services.dispatch.wire.streams import Streams

# More of ours on one connection than this only wait for each other.
MAX_STREAMS = 1000
# Replies to PING and SETTINGS that somebody asks for and does not read.
MAX_UNREAD_REPLIES = 1000
WHOLE = f.END_HEADERS | f.END_STREAM
# By names of their own: they are looked at for each frame.
HEADER_BYTES, HEADERS = f.HEADER_BYTES, f.HEADERS
# Length and kind of a frame in one number: of the longest, and of each RST_STREAM.
MAX_ID = f.MAX_STREAM_ID
LONGEST, RESET = f.MAX_FRAME << 8 | 0xFF, f.NUMBER.size << 8 | f.RST_STREAM
WANTS_HTTP1 = "HTTP_1_1_REQUIRED"
# Apple says in a GOAWAY why it leaves.
REASON = re.compile(rb'"reason"\s*:\s*"(\w{1,64})"')
OPENING = (
    f.PREFACE
    + f.settings(
        (HEADER_TABLE_SIZE, 0),
        (ENABLE_PUSH, 0),
        (INITIAL_WINDOW_SIZE, MAX_BODY_BYTES),
        (MAX_HEADER_LIST_SIZE, MAX_HEADER_BYTES),
    )
    + f.window_update(0, INFLOW_WINDOW - f.DEFAULT_WINDOW)
)


class Session:
    def __init__(
        self,
        writer: BlockWriter,
        *,
        one_at_first: bool = False,
        assumed_streams: int = ASSUMED_STREAMS,
    ) -> None:
        # Why no further stream may be opened; empty while one may.
        self.leaving = ""
        # Nothing may be said to the other side any longer but what is in `out`.
        self.is_broken = False
        # The other side wants to be asked by HTTP/1.1 instead.
        self.wants_http1 = False
        self.out: list[bytes] = [OPENING]
        self._peer = PeerSettings(assumed_streams)
        self._outflow = Outflow(self._peer)
        self.streams = Streams(self._outflow, self.out)
        self._answers = Answers(self.streams, self.out, on_trial=one_at_first)
        self._writer = writer
        self._prefix = NO_TABLE
        self._refused_above = MAX_STREAMS
        self._rest = bytearray()
        self._needed = HEADER_BYTES
        self._unread_replies = 0
        self._takers = {
            f.DATA: self._answers.take_data,
            f.HEADERS: self._answers.take_headers,
            f.PRIORITY: self._take_priority,
            f.RST_STREAM: self._take_rst_stream,
            f.SETTINGS: self._take_settings,
            f.PUSH_PROMISE: self._take_push_promise,
            f.PING: self._take_ping,
            f.GOAWAY: self._take_goaway,
            f.WINDOW_UPDATE: self._take_window_update,
            f.CONTINUATION: self._answers.take_continuation,
        }

    # What the sender does.

    @property
    def room(self) -> int:
        """How many more exchanges may be opened now."""
        if self.leaving or self._outflow.is_starved:
            return 0
        limit = 1 if self._answers.on_trial else min(self._peer.max_streams, self._refused_above)
        return limit - len(self.streams.under_way)

    @property
    def max_streams(self) -> int:
        """How many the other side takes, as far as is known."""
        return self._peer.max_streams

    @property
    def is_greeted(self) -> bool:
        """Whether the other side has said anything."""
        return self._peer.known

    @property
    def is_settled(self) -> bool:
        """Whether the other side has told how many streams it takes, and trusts us with them."""
        return self._peer.known and not self._answers.on_trial

    def take(self, waiting: deque[Exchange], carrier: Carrier) -> int:
        """Start those who wait, the first first, as far as there is room; how many were started."""
        room, begun, outflow = min(self.room, self.streams.left), 0, self._outflow
        while begun < room and waiting and outflow.window > 0:
            exchange = waiting.popleft()
            if not exchange.is_over:
                exchange.attempts += 1
                exchange.carrier = carrier
                self._send(exchange)
                begun += 1
        if not self.streams.left:
            self.leaving = "out of stream ids"
        return begun

    def _send(self, exchange: Exchange) -> None:
        request, streams, outflow = exchange.request, self.streams, self._outflow
        size = len(request.body)
        if size <= outflow.window and size <= self._peer.initial_window and not self._prefix:
            whole = self._writer.write_whole(request, streams.next_id)
            if whole:
                streams.enter(exchange)
                self.out.append(whole)
                outflow.window -= size
                return
        block = self._writer.write_block(request)
        if self._prefix:
            block, self._prefix = self._prefix + block, b""
        stream_id = streams.enter(exchange)
        self.out.append(f.headers(stream_id, block, self._peer.max_frame, ends=not size))
        if size:
            outflow.add(stream_id, request.body)
            self.out += outflow.cut()

    def take_out(self) -> bytes:
        """All that is to be sent now. Whoever takes it hands it to the transport."""
        self.streams.note_departure()
        self._unread_replies = 0
        out = b"".join(self.out)
        self.out.clear()
        return out

    def cancel(self, exchange: Exchange) -> None:
        """Nobody waits for the answer any longer."""
        if self.streams.under_way.get(exchange.stream_id) is exchange:
            self.streams.reset(exchange.stream_id, Code.CANCEL)

    def expire(self, exchange: Exchange) -> None:
        """Its time is over. Even if it has not left yet, it will, ahead of its RST_STREAM."""
        self.cancel(exchange)
        self.streams.fail(exchange, "deadline")

    def relax(self) -> None:
        """Now and then: trust the other side with more again, after it has refused some."""
        self._refused_above = min(self._refused_above * 2, MAX_STREAMS)

    def ping(self) -> None:
        self.out.append(f.frame(f.PING, 0, 0, b"carillon"))

    def say_goodbye(self) -> None:
        if not self.is_broken:
            self.out.append(f.goaway(Code.NO_ERROR))

    def end(self, reason: str) -> None:
        """The connection is gone, or is given up."""
        self.leaving = self.leaving or reason
        self.is_broken = True
        # What is returned must not leave after all.
        self.out.clear()
        self.streams.abandon(self.leaving)

    # What the other side does.

    def receive(self, received: bytes) -> None:
        if self.is_broken:
            return
        try:
            if not self._rest:
                self._rest += received[self._read(received) :]
                return
            self._rest += received
            if len(self._rest) >= self._needed:
                del self._rest[: self._read(bytes(self._rest))]
        except ConnectionBroken as broken:
            self.end(f"protocol: {broken}")
            self.out.append(f.goaway(broken.code))

    def _read(self, received: bytes) -> int:
        """Take all whole frames; how many bytes they were.

        The loop that everything passes through. A head that is a whole answer and was seen before,
        or is a success, is dealt with on the spot: most notifications get one.
        """
        unpack, streams = f.FRAME_HEADER.unpack_from, self.streams
        under_way, note_end = streams.under_way, streams.ended.append
        position, end, is_plain = 0, len(received), self._is_plain
        self._needed = HEADER_BYTES
        while end - position >= HEADER_BYTES:
            word, flags, stream_id = unpack(received, position)
            if word > LONGEST:
                raise ConnectionBroken(Code.FRAME_SIZE_ERROR, "a frame too large")
            start = position + HEADER_BYTES
            stop = start + (word >> 8)
            if stop > end:
                self._needed = stop - position
                break
            position, kind = stop, word & 0xFF
            if is_plain and kind == HEADERS and flags == WHOLE:
                exchange = under_way.get(stream_id)
                if exchange is not None and exchange.head is None:
                    answer = self._answers.read_whole(received[start:stop])
                    if answer is not None:
                        del under_way[stream_id]
                        note_end((exchange, answer))
                        continue
            elif is_plain and word == RESET and stream_id not in under_way and stream_id <= MAX_ID:
                # It has answered without having read all, and says so.
                streams.find(stream_id)
                continue
            self._take(kind, flags, stream_id & f.MAX_STREAM_ID, received[start:stop])
            is_plain = self._is_plain
        return position

    @property
    def _is_plain(self) -> bool:
        """Whether all is said that comes first, no head half read, and no request half sent."""
        answers = self._answers
        is_busy = answers.on_trial or answers.open_head or self._outflow.waiting
        return self._peer.known and not is_busy

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._answers.open_head is not None and kind != f.CONTINUATION:
            raise ConnectionBroken(Code.PROTOCOL_ERROR, "a header block is interrupted")
        if not self._peer.known and kind != f.SETTINGS:
            raise ConnectionBroken(Code.PROTOCOL_ERROR, "SETTINGS do not come first")
        take = self._takers.get(kind)
        if take is None:
            return  # an extension, which is to be ignored
        try:
            take(flags, stream_id, payload)
        except StreamBroken as broken:
            if stream_id in self.streams.under_way:
                exchange = self.streams.reset(stream_id, Code.PROTOCOL_ERROR)
                self.streams.fail(exchange, f"protocol: {broken}")

    def _take_rst_stream(self, _flags: int, stream_id: int, payload: bytes) -> None:
        _check_size(payload, 4)
        exchange = self.streams.find(stream_id)
        if exchange is None:
            return
        code = f.NUMBER.unpack(payload)[0]
        self.streams.leave(stream_id)
        if code == Code.HTTP_1_1_REQUIRED and exchange.head is None:
            self.streams.returned.append(exchange)
            self._give_way()
        elif code == Code.REFUSED_STREAM and exchange.head is None:
            self.streams.returned.append(exchange)
            self._refused_above = max(1, min(self._refused_above, len(self.streams.under_way)))
        else:
            self.streams.fail(exchange, f"RST_STREAM {f.name_of(code)}")

    def _take_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_connection(stream_id)
        if flags & f.ACK:
            _check_size(payload, 0)
            if not self._peer.known:
                raise ConnectionBroken(Code.PROTOCOL_ERROR, "SETTINGS do not come first")
            return
        before = self._peer.initial_window
        self._peer.take(payload)
        self._outflow.shift(self._peer.initial_window - before)
        self._reply(f.frame(f.SETTINGS, f.ACK, 0))
        self.out += self._outflow.cut()

    def _take_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_connection(stream_id)
        _check_size(payload, 8)
        if not flags & f.ACK:
            self._reply(f.frame(f.PING, f.ACK, 0, payload))

    def _take_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        _check_connection(stream_id)
        if len(payload) < f.TWO_NUMBERS.size:
            raise ConnectionBroken(Code.FRAME_SIZE_ERROR, "GOAWAY of a wrong size")
        last, code = f.TWO_NUMBERS.unpack_from(payload)
        reason = REASON.search(payload, f.TWO_NUMBERS.size)
        self.leaving = f"GOAWAY {reason[1].decode() if reason else f.name_of(code)}"
        self.streams.give_back_above(last & f.MAX_STREAM_ID)
        if code == Code.HTTP_1_1_REQUIRED:
            self._give_way()

    def _give_way(self) -> None:
        """RFC 9113 §7: what is refused so was not processed, and will be by HTTP/1.1."""
        self.wants_http1 = True
        self.leaving = WANTS_HTTP1

    def _take_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        _check_size(payload, 4)
        if stream_id:
            self.streams.find(stream_id)
        self._outflow.widen(stream_id, f.NUMBER.unpack(payload)[0] & f.MAX_WINDOW)
        self.out += self._outflow.cut()

    def _take_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0:
            raise ConnectionBroken(Code.PROTOCOL_ERROR, "PRIORITY of the connection")
        _check_size(payload, 5)

    def _take_push_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise ConnectionBroken(Code.PROTOCOL_ERROR, "a push that nobody asked for")

    def _reply(self, reply: bytes) -> None:
        self._unread_replies += 1
        if self._unread_replies > MAX_UNREAD_REPLIES:
            raise ConnectionBroken(Code.ENHANCE_YOUR_CALM, "questions without end")
        self.out.append(reply)


def _check_size(payload: bytes, size: int) -> None:
    if len(payload) != size:
        raise ConnectionBroken(Code.FRAME_SIZE_ERROR, "a frame of a wrong size")


def _check_connection(stream_id: int) -> None:
    if stream_id:
        raise ConnectionBroken(Code.PROTOCOL_ERROR, "a frame that belongs to no stream")
