"""Can the other side, honest or not, make a session hang, leak a stream or mix up answers?"""

from collections import deque
from collections.abc import Callable
from random import Random

from hyperframe.frame import PriorityFrame, SettingsFrame
from hypothesis import given, settings
from hypothesis import strategies as some

from services.dispatch.wire import Answer, Request, Unanswered
from services.dispatch.wire.blocks import BlockWriter
from services.dispatch.wire.exchange import Exchange, Listener
from services.dispatch.wire.session import Session
from tests.dispatch.wire.peer import Peer, Stream

WRITER = BlockWriter("https", "peer.example")
SIZES = [0, 1, 50, 900]
LARGE = [16_384, 16_385, 60_000, 70_000]
REFUSED, CANCEL = 7, 8


class Nobody:
    """Carries what is never cancelled."""

    def cancel(self, exchange: Exchange) -> None:
        raise AssertionError(exchange.request.path)


CARRIER = Nobody()


def make_exchange(number: int, size: int) -> Exchange:
    headers = (("x-number", str(number)),)
    request = Request.to(f"https://peer.example/{number}", headers, bytes(size))
    return Exchange(request, 0, Listener(lambda _: None), 0.0)


class Conversation:
    """An honest server and the session, each step decided by dice."""

    def __init__(self, most: int | None, window: int | None) -> None:
        self.session, self.peer = Session(WRITER), Peer()
        # Exchanges by number, and what is known of their ends.
        self.under_way: dict[int, Exchange] = {}
        self.count = 0
        # What the server has said of each, by path.
        self.said: dict[str, tuple[int, bytes]] = {}
        self.turned_away: set[str] = set()
        self.arrived: set[str] = set()
        values = {} if most is None else {SettingsFrame.MAX_CONCURRENT_STREAMS: most}
        if window is not None:
            values[SettingsFrame.INITIAL_WINDOW_SIZE] = window
        self.peer.settings(values)
        self.speak()
        self.session.receive(bytes(self.peer.out))
        self.peer.out.clear()

    def ask(self, dice: Random) -> None:
        for _ in range(dice.randint(1, 6)):
            if self.session.room > 0:
                self.count += 1
                size = dice.choice(LARGE if dice.random() < 0.05 else SIZES)
                exchange = make_exchange(self.count, size)
                self.under_way[self.count] = exchange
                self.session.take(deque([exchange]), CARRIER)
        if dice.random() < 0.8:
            self.speak()

    def speak(self, _: Random | None = None) -> None:
        """All that the client has to say arrives."""
        self.peer.feed(self.session.take_out())
        assert self.peer.is_owed_nothing
        self.arrived |= {stream.path for stream in self.peer.streams.values()}

    def deliver(self, dice: Random) -> None:
        """A part of what the server has said arrives."""
        out = self.peer.out
        size = round(len(out) * dice.choice([0.1, 0.5, 0.9, 1.0, 1.0, 1.0]))
        received = bytes(out[:size])
        del out[:size]
        self.session.receive(received)

    def choose(self, dice: Random) -> tuple[int, Stream] | None:
        """A stream that the server has said nothing of."""
        untouched = [
            (number, stream)
            for number, stream in self.peer.streams.items()
            if not (stream.answered or stream.was_reset)
            and stream.path not in self.turned_away | self.said.keys()
        ]
        return dice.choice(untouched) if untouched else None

    def answer(self, dice: Random) -> None:
        for _ in range(dice.randint(1, 4)):
            chosen = self.choose(dice)
            if chosen is None:
                return
            if dice.random() < 0.6:
                # As most are: nothing but a head, and one like the other.
                self.said[chosen[1].path] = 200, b""
                self.peer.head(chosen[0], [(":status", "200")], ends=True)
            else:
                self.answer_at_length(*chosen, dice)

    def answer_at_length(self, number: int, stream: Stream, dice: Random) -> None:
        status = dice.choice([200, 201, 400, 410, 503])
        pieces = [dice.randbytes(dice.randint(0, 20)) for _ in range(dice.randint(0, 3))]
        split, padding = dice.randint(0, 9), dice.choice([0, 0, 1, 2, 200])
        extras = dice.random() < 0.3
        if extras:
            self.peer.head(number, [(":status", "103")], ends=False)
        headers = [(":status", str(status)), ("x-path", stream.path)]
        self.said[stream.path] = status, b"".join(pieces)
        ends = not (pieces or extras)
        self.peer.head(number, headers, ends=ends, split=split, padding=padding)
        for at, piece in enumerate(pieces):
            last = at == len(pieces) - 1 and not extras
            self.peer.data(number, piece, ends=last, padding=padding)
        if extras:
            self.peer.head(number, [("x-trailer", "1")], ends=True)

    def reset(self, dice: Random) -> None:
        chosen = self.choose(dice)
        if chosen is not None:
            number, stream = chosen
            code = dice.choice([REFUSED, CANCEL])
            if code == REFUSED:
                self.turned_away.add(stream.path)
            self.peer.reset(number, code)

    def go_away(self, dice: Random) -> None:
        if self.peer.goodbye is not None:
            return
        answered = [n for n, stream in self.peer.streams.items() if stream.path in self.said]
        last = max([dice.choice([0, *self.peer.streams, 0x7FFF_FFFF]), *answered])
        self.turned_away |= {s.path for n, s in self.peer.streams.items() if n > last}
        self.peer.goaway(last, reason=b'{"reason":"Shutdown"}')

    def change_settings(self, dice: Random) -> None:
        name, value = dice.choice([3, 4, 5]), dice.randint(0, 2000)
        self.peer.settings({name: value + 16_384 if name == 5 else value})

    def widen(self, dice: Random) -> None:
        self.peer.widen(dice.choice([0, *self.peer.streams]), dice.randint(1, 100_000))

    def chat(self, dice: Random) -> None:
        content = dice.randbytes(8)
        self.peer.ping(content)
        self.peer.out += b"\x00\x00\x08\xba\x00\x00\x00\x00\x00" + content
        self.peer.say(PriorityFrame(1, depends_on=0, stream_weight=1))

    def give_up(self, dice: Random) -> None:
        if not self.under_way:
            return
        number = dice.choice(sorted(self.under_way))
        if dice.random() < 0.5:
            self.session.cancel(self.under_way.pop(number))
        else:
            self.session.expire(self.under_way[number])

    def settle(self) -> None:
        """Each exchange ends once, and with what was said of it."""
        streams = self.session.streams
        for exchange, outcome in streams.ended:
            assert self.under_way.pop(int(exchange.request.path[1:])) is exchange
            if isinstance(outcome, Answer):
                assert self.said[exchange.request.path] == (outcome.status, outcome.body)
                assert outcome.headers.get("x-path", exchange.request.path) == exchange.request.path
            else:
                assert isinstance(outcome, Unanswered)
        for exchange in streams.returned:
            assert self.under_way.pop(int(exchange.request.path[1:])) is exchange
            assert exchange.request.path in self.turned_away or self.is_beyond(exchange)
        streams.ended.clear()
        streams.returned.clear()
        assert sorted(e.request.path for e in streams.under_way.values()) == sorted(
            e.request.path for e in self.under_way.values()
        )
        assert not self.session.is_broken, self.session.leaving

    def is_beyond(self, exchange: Exchange) -> bool:
        return self.peer.goodbye is not None and exchange.stream_id > self.peer.goodbye

    def end(self) -> None:
        """Whatever is left over ends with the connection; then nothing is left."""
        self.session.end("lost")
        streams = self.session.streams
        gone = {
            int(e.request.path[1:]) for e in (*(e for e, _ in streams.ended), *streams.returned)
        }
        assert gone == set(self.under_way)
        assert not any(each.request.path in self.arrived for each in streams.returned)


Step = Callable[[Conversation, Random], None]
STEPS: dict[Step, int] = {
    Conversation.ask: 6,
    Conversation.speak: 3,
    Conversation.deliver: 8,
    Conversation.answer: 8,
    Conversation.reset: 1,
    Conversation.go_away: 1,
    Conversation.change_settings: 1,
    Conversation.widen: 2,
    Conversation.chat: 1,
    Conversation.give_up: 1,
}


@settings(max_examples=60, deadline=None)
@given(
    most=some.sampled_from([None, None, 0, 1, 5]),
    window=some.sampled_from([None, None, 0, 99, 100_000]),
    steps=some.lists(
        some.tuples(
            some.sampled_from([step for step, weight in STEPS.items() for _ in range(weight)]),
            some.integers(0, 1 << 32).map(Random),
        ),
        min_size=20,
        max_size=60,
    ),
)
def test_an_honest_server_is_understood_in_every_order(
    most: int | None, window: int | None, steps: list[tuple[Step, Random]]
) -> None:
    conversation = Conversation(most, window)
    for step, dice in steps:
        step(conversation, dice)
        conversation.settle()
    conversation.end()


frames = some.builds(
    lambda kind, flags, stream, payload: (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    ),
    some.integers(0, 10),
    some.sampled_from([0, 1, 4, 5, 8, 0x0D, 0x20, 0x2D, 0xFF]),
    some.sampled_from([0, 1, 1, 3, 3, 5, 2, 99, 0x8000_0001]),
    some.binary(max_size=24)
    | some.sampled_from(
        [b"\x88", b"\x20\x88", b"\x8d", b"\x00\x00\x00\x07", b"\x00" * 4, bytes(8)]
    ),
)


@settings(deadline=None)
@given(said=some.lists(frames, max_size=12), cut=some.integers(1, 40), greets=some.booleans())
def test_a_hostile_server_gets_nothing_but_an_end(
    said: list[bytes], cut: int, *, greets: bool
) -> None:
    session, peer = Session(WRITER), Peer()
    asked = [make_exchange(number, 10 * number) for number in range(3)]
    for exchange in asked:
        session.take(deque([exchange]), CARRIER)
    peer.settings({})
    peer.feed(session.take_out())
    heard = b"".join([bytes(peer.out) if greets else b"", *said])
    for at in range(0, len(heard), cut):
        session.receive(heard[at : at + cut])
    # Whatever was said, what we say is frames.
    rest = session.take_out()
    while rest:
        assert len(rest) >= 9 + int.from_bytes(rest[:3])
        rest = rest[9 + int.from_bytes(rest[:3]) :]
    session.end("lost")
    left = [exchange for exchange, _ in session.streams.ended] + session.streams.returned

    assert sorted(each.request.path for each in left) == ["/0", "/1", "/2"]
    assert not session.streams.under_way
    assert not session.out
