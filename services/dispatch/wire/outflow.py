"""How much may be sent: the other side's windows, and the bodies that wait for them."""

from msgspec import Struct

from services.dispatch.wire.frames import (
    DATA,
    DEFAULT_WINDOW,
    END_STREAM,
    MAX_WINDOW,
    Code,
    ConnectionBroken,
    StreamBroken,
    frame,
)
from services.dispatch.wire.settings import PeerSettings


class Body(Struct):
    """What is left of a body, and what its stream has room for (below zero after a SETTINGS)."""

    rest: bytes
    window: int


class Outflow:
    """Bodies that fit at once never come here: the session only counts them off `window`."""

    def __init__(self, peer: PeerSettings) -> None:
        self._peer = peer
        # Streams whose request is not whole yet, oldest first.
        self.waiting: dict[int, Body] = {}
        # What the connection as a whole has room for.
        self.window = DEFAULT_WINDOW

    @property
    def is_starved(self) -> bool:
        """Whether another stream would only wait, because the connection is out of room."""
        return self.window <= 0

    def add(self, stream_id: int, body: bytes) -> None:
        self.waiting[stream_id] = Body(body, self._peer.initial_window)

    def forget(self, stream_id: int) -> None:
        self.waiting.pop(stream_id, None)

    def widen(self, stream_id: int, increment: int) -> None:
        """Take a WINDOW_UPDATE over.

        Raises:
            ConnectionBroken, StreamBroken: if it is of nothing, or of too much.
        """
        if stream_id == 0:
            self._widen_connection(increment)
        elif increment == 0:
            raise StreamBroken("WINDOW_UPDATE of nothing")
        elif stream_id in self.waiting:
            body = self.waiting[stream_id]
            body.window += increment
            if body.window > MAX_WINDOW:
                raise StreamBroken("a window too large")

    def _widen_connection(self, increment: int) -> None:
        if increment == 0:
            raise ConnectionBroken(Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        self.window += increment
        if self.window > MAX_WINDOW:
            raise ConnectionBroken(Code.FLOW_CONTROL_ERROR, "a window too large")

    def shift(self, difference: int) -> None:
        """The initial window is another now: for streams under way too (RFC 9113 §6.9.2)."""
        for body in self.waiting.values():
            body.window += difference
            if body.window > MAX_WINDOW:
                raise ConnectionBroken(Code.FLOW_CONTROL_ERROR, "a window too large")

    def cut(self) -> list[bytes]:
        """The DATA frames that may leave now, oldest stream first."""
        frames: list[bytes] = []
        for stream_id in list(self.waiting):
            if self.window <= 0:
                break
            self._cut_one(stream_id, frames)
        return frames

    def _cut_one(self, stream_id: int, frames: list[bytes]) -> None:
        body = self.waiting[stream_id]
        while (size := min(len(body.rest), body.window, self.window, self._peer.max_frame)) > 0:
            piece, body.rest = body.rest[:size], body.rest[size:]
            body.window -= size
            self.window -= size
            frames.append(frame(DATA, 0 if body.rest else END_STREAM, stream_id, piece))
        if not body.rest:
            del self.waiting[stream_id]
