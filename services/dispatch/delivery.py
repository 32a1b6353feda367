"""The delivery of one parcel: whom it means now, one request each, and what came of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from opentelemetry import trace
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.circuits import Key
from services.dispatch.domain.messages import Message, Platform, Status
from services.dispatch.domain.outcomes import Finding, Outcome
from services.dispatch.domain.parcels import Lane, Parcel, Recipient, Slice
from services.dispatch.domain.rooms import Audience, Chunk
from services.dispatch.gateways.asking import Asked, ask_home
from services.dispatch.gateways.pool import Gateway, GatewayPool
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import Accepted, Dead, Refused, Suspect, Verdict
from services.dispatch.pacing.breaker import blame
from services.dispatch.pacing.pace import Pace
from services.dispatch.recorder import Recorder
from services.dispatch.settling import Rules, Settling
from services.dispatch.store import ledger
from services.dispatch.switchboard import Switchboard
from services.dispatch.twins import find_duplicates
from services.dispatch.wire import Wire

tracer = trace.get_tracer("carillon.dispatch")

NOT_CONFIGURED = "GatewayNotConfigured"


@dataclass(slots=True)
class Lease:
    """A parcel in our hands. `deadline` is by our own monotonic clock.

    A probe was parked: its first request finds out whether the gateway is back.
    """

    parcel: Parcel
    deadline: float
    lost: bool = False
    # Its message was paused or cancelled: nothing more of it begins.
    is_halted: bool = False
    is_probe: bool = False


@dataclass(slots=True)
class Prepared:
    """A message and how it looks on each platform, rendered once for all its parcels."""

    message: Message
    rendered: dict[tuple[str, Platform], Rendered | Refused] = field(default_factory=dict)
    # Where the gateway has taken it from us as it looks.
    taken: set[tuple[str, Platform]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every delivery of a sender works with."""

    db: AsyncEngine
    audience: Audience
    gateways: GatewayPool
    wire: Wire
    recorder: Recorder
    switchboard: Switchboard
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    # How long after its acceptance a notification is still tried.
    patience: timedelta


class Delivery:
    """Delivers one leased parcel. `run` returns True when it has come to its end."""

    def __init__(self, desk: Desk, lease: Lease, prepared: Prepared, ending: asyncio.Event) -> None:
        self._desk = desk
        self._lease = lease
        self._parcel = lease.parcel
        self._prepared = prepared
        self._ending = ending
        self._settling = Settling(
            Rules(desk.patience, desk.clock), desk.recorder, lease.parcel, prepared.message
        )
        self._spans: dict[Platform, trace.Span] = {}

    async def run(self) -> bool:
        """Send to whom the parcel means now; False if it must be given back unfinished.

        Raises:
            RoomUnavailable: if targeting or registry does not answer; the results so far stand.
        """
        if wait := self._settling.pause_seconds():
            if self._lease.is_probe:
                self._desk.switchboard.probe_again(self._own_key)
            await self._desk.recorder.pause(self._parcel, timedelta(seconds=wait))
            return True
        if self._is_shut_out():
            left = self._settling.seconds_left(self._parcel.slice.platform)
            await self._desk.recorder.park(self._parcel, timedelta(seconds=left))
            return True
        try:
            complete = await self._send_all()
        finally:
            if self._lease.is_probe:
                self._desk.switchboard.probe_again(self._own_key)
            self._settling.count(self._spans)
            for span in self._spans.values():
                span.end()
        if complete:
            await self._desk.recorder.finish(self._parcel, self._settling.later_parcels())
        return complete

    def _is_shut_out(self) -> bool:
        """Whether the whole parcel is for a gate whose circuit is open.

        What a platform's several gates share is not: who must wait is told from who need not.
        """
        platform = self._parcel.slice.platform
        if platform is Platform.MIXED or self._lease.is_probe:
            return False
        is_shut = self._desk.switchboard.is_shut(self._own_key)
        return is_shut and self._settling.seconds_left(platform) > 0

    @property
    def _own_key(self) -> Key:
        return Key(self._parcel.app_id, self._parcel.slice.platform, self._parcel.gate)

    async def _send_all(self) -> bool:
        spared = self._prepared.message.content.spared_uids
        done = await self._recorded() | set(spared)
        if self._prepared.message.status is Status.CANCELLED:
            self._close(self._parcel.uids or (), done, Outcome.CANCELLED)
            return True
        sends: set[asyncio.Task[Verdict]] = set()
        try:
            met = await self._start_sends(sends, done)
        finally:
            # Whatever ends the delivery, what was asked gets its answer written down.
            answers = await asyncio.gather(*sends, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        if met is None:
            return False
        self._close(self._parcel.uids or (), done | met, Outcome.WITHDRAWN)
        return True

    async def _start_sends(
        self, sends: set[asyncio.Task[Verdict]], done: set[int]
    ) -> set[int] | None:
        """Begin a request for each recipient not done with; the uids met, None if interrupted."""
        met: set[int] = set()
        target = self._prepared.message.target
        async for chunk in self._resolve():
            duplicates = await find_duplicates(
                self._desk.audience, self._parcel.app_id, target, chunk.recipients
            )
            for recipient in self._order(chunk.recipients):
                met.add(recipient.uid)
                if recipient.uid in done:
                    continue
                if recipient.uid in duplicates:
                    self._settling.note(recipient.uid, recipient.platform, Outcome.DUPLICATE, "")
                elif not await self._start(sends, recipient):
                    return None
            if chunk.continue_after is not None:
                part = self._parcel.slice
                rest = Slice(part.platform, chunk.continue_after, part.through_uid)
                self._settling.leave_rest(rest)
        return met

    def _order(self, recipients: Sequence[Recipient]) -> Sequence[Recipient]:
        """A probe asks for anybody: the first may be where nobody ever answers, for ever."""
        if self._lease.is_probe:
            return random.sample(recipients, len(recipients))
        return recipients

    def _may_send(self) -> bool:
        """Whether the parcel is still ours and we are not to stop."""
        lease = self._lease
        held = not lease.lost and not lease.is_halted and self._desk.monotonic() < lease.deadline
        return held and not self._ending.is_set()

    async def _recorded(self) -> set[int]:
        if not self._parcel.was_interrupted:
            return set()
        async with self._desk.db.connect() as connection:
            return await ledger.recorded_uids(connection, self._parcel)

    def _resolve(self) -> AsyncIterator[Chunk]:
        message, parcel = self._prepared.message, self._parcel
        if parcel.uids is None:
            return self._desk.audience.resolve_slice(parcel.app_id, message.target, parcel.slice)
        return self._desk.audience.resolve_uids(parcel.app_id, message.target, parcel.uids)

    def _close(self, uids: tuple[int, ...], done: set[int], outcome: Outcome) -> None:
        """Note those who were put off before and whose turn will not come."""
        for uid in uids:
            if uid not in done:
                self._settling.note(uid, self._parcel.slice.platform, outcome, "")

    async def _start(self, sends: set[asyncio.Task[Verdict]], recipient: Recipient) -> bool:
        """Begin a recipient's request, or settle it without one; False if we are to stop."""
        uid, platform = recipient.uid, recipient.platform
        gateway = await self._desk.gateways.get(self._parcel.app_id, platform, recipient.address)
        if gateway is None:
            self._settling.note(uid, platform, Outcome.FAILED, NOT_CONFIGURED)
            return True
        rendered = self._render(gateway, platform)
        if isinstance(rendered, Refused):
            self._settling.note(uid, platform, Outcome.FAILED, rendered.reason)
            return True
        if self._settling.is_too_late(platform):
            self._settling.note(uid, platform, Outcome.EXPIRED, "")
            return True
        if not self._may_send():
            return False
        key = Key(self._parcel.app_id, platform, gateway.gate(recipient))
        pace = self._desk.switchboard.pace(key, gateway.quota)
        if self._lease.is_probe and self._may_probe(key):
            await self._probe(gateway, rendered, recipient, key, pace)
            return True
        wait = await pace.enter(urgent=self._parcel.lane is Lane.EXPRESS)
        if wait:
            self._settling.hold(recipient, key.gate, wait)
            return True
        if not self._may_send():
            pace.abandon()
            return False
        await self._reserve(pace)
        sends.add(asyncio.create_task(self._send(gateway, rendered, recipient, key, pace)))
        return True

    def _may_probe(self, key: Key) -> bool:
        """Whether a request by this gate tells whether the parcel's own is passable again.

        Who is here and has taken to another gate shows that the credential has: whatever is still
        behind the old one is let go, and finds out by itself.
        """
        if key == self._own_key:
            return True
        self._lease.is_probe = False
        self._desk.switchboard.close(self._own_key)
        return False

    async def _probe(
        self, gateway: Gateway, rendered: Rendered, recipient: Recipient, key: Key, pace: Pace
    ) -> None:
        """One request that finds out for all others whether the gateway is back."""
        self._lease.is_probe = False
        pace.enter_as_probe()
        await self._reserve(pace)
        opening = blame(await self._send(gateway, rendered, recipient, key, pace))
        if opening is None:
            self._desk.switchboard.close(key)
        else:
            self._desk.switchboard.open(key, opening)

    async def _reserve(self, pace: Pace) -> None:
        try:
            await self._desk.recorder.reserve()
        except BaseException:
            pace.abandon()
            raise

    def _open_span(self, gateway: Gateway, platform: Platform) -> None:
        """One span for all requests of the parcel to one gateway, never one per notification."""
        self._spans[platform] = tracer.start_span(
            f"gateway {gateway.name}",
            kind=trace.SpanKind.CLIENT,
            attributes={"carillon.gateway": gateway.name, "carillon.platform": platform.name},
        )

    async def _send(
        self, gateway: Gateway, rendered: Rendered, recipient: Recipient, key: Key, pace: Pace
    ) -> Verdict:
        platform = recipient.platform
        if platform not in self._spans:
            self._open_span(gateway, platform)
        start = self._desk.monotonic()
        try:
            asked = await ask_home(
                self._desk.wire,
                gateway,
                self._prepared.message,
                rendered,
                recipient,
                self._desk.clock,
                pace.may_flip,
            )
        except BaseException:
            pace.abandon()
            self._desk.recorder.give_back()
            raise
        asked = self._weigh((gateway.name, platform), asked)
        self._learn(key, pace, asked.verdict, start)
        self._settling.settle(recipient, asked, key.gate, is_shut=pace.is_shut)
        return asked.verdict

    def _weigh(self, way: tuple[str, Platform], asked: Asked) -> Asked:
        """Who blames the address is believed once the same payload has passed at another one."""
        match asked.verdict:
            case Accepted():
                self._prepared.taken.add(way)
            case Refused(reason=reason, blames_address=True) if way in self._prepared.taken:
                return replace(asked, verdict=Dead(reason, asked.start_time), finding=Finding.DEAD)
        return asked

    def _learn(self, key: Key, pace: Pace, verdict: Verdict, start: float) -> None:
        """What the answer says to everybody who passes the gate."""
        opening = pace.leave(verdict, start)
        if opening is not None:
            self._desk.switchboard.open(key, opening)
        if isinstance(verdict, Accepted | Dead | Suspect):
            is_bad = not isinstance(verdict, Accepted)
            if pace.fuse.note(is_bad=is_bad):
                self._desk.switchboard.blow(key, pace.fuse.share)

    def _render(self, gateway: Gateway, platform: Platform) -> Rendered | Refused:
        way = (gateway.name, platform)
        rendered = self._prepared.rendered.get(way)
        if rendered is None:
            rendered = gateway.render(self._prepared.message, platform)
            self._prepared.rendered[way] = rendered
        return rendered
