"""What the other side has told about itself, now and in mid-flight (RFC 9113 §6.5)."""

from services.dispatch.wire.frames import (
    DEFAULT_WINDOW,
    MAX_FRAME,
    MAX_WINDOW,
    SETTING,
    Code,
    ConnectionBroken,
)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6

LARGEST_FRAME = 0xFF_FFFF
# Until it has told, a server allows any number of streams; RFC 9113 §6.5.2 asks for 100 or more.
ASSUMED_STREAMS = 100
UNLIMITED = 0xFFFF_FFFF


class PeerSettings:
    def __init__(self, assumed_streams: int = ASSUMED_STREAMS) -> None:
        self.max_streams = assumed_streams
        self.initial_window = DEFAULT_WINDOW
        self.max_frame = MAX_FRAME
        self.known = False

    def take(self, payload: bytes) -> None:
        """Take a SETTINGS frame's content over; nothing in it is not a reason to complain.

        Raises:
            ConnectionBroken: for values that RFC 9113 forbids.
        """
        if len(payload) % SETTING.size:
            raise ConnectionBroken(Code.FRAME_SIZE_ERROR, "SETTINGS of a wrong size")
        if not self.known:
            self.known, self.max_streams = True, UNLIMITED
        for name, value in SETTING.iter_unpack(payload):
            self._take_one(name, value)

    def _take_one(self, name: int, value: int) -> None:
        match name:
            case 3:  # MAX_CONCURRENT_STREAMS
                self.max_streams = value
            case 4:  # INITIAL_WINDOW_SIZE
                if value > MAX_WINDOW:
                    raise ConnectionBroken(Code.FLOW_CONTROL_ERROR, "a window too large")
                self.initial_window = value
            case 5:  # MAX_FRAME_SIZE
                if not MAX_FRAME <= value <= LARGEST_FRAME:
                    raise ConnectionBroken(Code.PROTOCOL_ERROR, "a frame size out of bounds")
                self.max_frame = value
            case 2:  # ENABLE_PUSH
                if value:
                    raise ConnectionBroken(Code.PROTOCOL_ERROR, "a server that asks for pushes")
            case _:
                # Our header blocks refer to no table, so its size is nothing to us.
                pass
