"""The streams of one connection: which exchange each carries, and how it leaves."""

from services.dispatch.wire import Answer, Unanswered, WireError
from services.dispatch.wire import frames as f
from services.dispatch.wire.exchange import Exchange
from services.dispatch.wire.frames import Code, ConnectionBroken
from services.dispatch.wire.outflow import Outflow


class Streams:
    """Every exchange that enters leaves once: into `ended`, into `returned`, or by its maker."""

    def __init__(self, outflow: Outflow, out: list[bytes]) -> None:
        self.under_way: dict[int, Exchange] = {}
        self.ended: list[tuple[Exchange, Answer | WireError]] = []
        # The other side never took them: to be started elsewhere.
        self.returned: list[Exchange] = []
        self.next_id = 1
        # Streams below it are with the transport; those from it on have surely not left.
        self._unsent_from = 1
        self._outflow = outflow
        self._out = out

    @property
    def left(self) -> int:
        """How many more there can be on this connection."""
        return (f.MAX_STREAM_ID + 1 - self.next_id) // 2 + 1

    def enter(self, exchange: Exchange) -> int:
        stream_id = self.next_id
        self.next_id = stream_id + 2
        self.under_way[stream_id] = exchange
        exchange.stream_id = stream_id
        return stream_id

    def note_departure(self) -> None:
        """What was entered up to now is handed to the transport."""
        self._unsent_from = self.next_id

    def find(self, stream_id: int) -> Exchange | None:
        """The exchange of a stream; None if it is over.

        Raises:
            ConnectionBroken: if the stream never began.
        """
        if stream_id % 2 == 0 or stream_id >= self.next_id:
            raise ConnectionBroken(Code.PROTOCOL_ERROR, "a stream that we did not open")
        return self.under_way.get(stream_id)

    def leave(self, stream_id: int) -> Exchange:
        self._outflow.forget(stream_id)
        return self.under_way.pop(stream_id)

    def reset(self, stream_id: int, code: Code) -> Exchange:
        """Leave, and tell the other side."""
        self._out.append(f.rst_stream(stream_id, code))
        return self.leave(stream_id)

    def complete(self, stream_id: int, exchange: Exchange, answer: Answer) -> None:
        if stream_id in self._outflow.waiting:
            # It answered before it had read all: it does not want the rest.
            self.reset(stream_id, Code.NO_ERROR)
        else:
            del self.under_way[stream_id]
        self.ended.append((exchange, answer))

    def fail(self, exchange: Exchange, reason: str) -> None:
        self.ended.append((exchange, Unanswered(reason)))

    def give_back_above(self, last: int) -> None:
        """The other side has not processed these, and will not."""
        for stream_id in [each for each in self.under_way if each > last]:
            self.returned.append(self.leave(stream_id))

    def abandon(self, reason: str) -> None:
        """The connection is gone: what has left is unanswered, the rest never began."""
        for stream_id in list(self.under_way):
            exchange = self.leave(stream_id)
            if stream_id >= self._unsent_from:
                self.returned.append(exchange)
            else:
                self.fail(exchange, reason)
