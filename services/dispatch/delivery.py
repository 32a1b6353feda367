"""The delivery of one parcel: whom it means now, one request each, and what came of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.dispatch.domain.circuits import Key
from services.dispatch.domain.messages import Platform, Status
from services.dispatch.domain.outcomes import Outcome
from services.dispatch.domain.parcels import Lane, Parcel, Recipient, Slice
from services.dispatch.domain.rooms import Chunk
from services.dispatch.gateways.verdicts import Refused
from services.dispatch.pacing.breaker import blame
from services.dispatch.pacing.line import Turn
from services.dispatch.pacing.pace import STAY_SECONDS
from services.dispatch.sending import Desk, Prepared, Route, Sending
from services.dispatch.settling import Rules, Settling
from services.dispatch.store import ledger
from services.dispatch.twins import find_duplicates

NOT_CONFIGURED = "GatewayNotConfigured"


@dataclass(slots=True)
class Lease:
    """A parcel in our hands. `deadline` is by our own monotonic clock.

    A probe was parked: its first request finds out whether the gateway is back.
    """

    parcel: Parcel
    deadline: float
    # Who has the lowest is sent first.
    rank: int = 0
    lost: bool = False
    # Its message was paused or cancelled: nothing more of it begins.
    is_halted: bool = False
    is_probe: bool = False
    # Whether it takes up one of its sender's slots.
    has_slot: bool = True

    @property
    def turn(self) -> Turn:
        """When it may send: what is urgent, or a probe, before all others."""
        return not self.is_probe and self.parcel.lane is not Lane.EXPRESS, self.rank


class Delivery:
    """Delivers one leased parcel. `run` returns True when it has come to its end."""

    def __init__(
        self,
        desk: Desk,
        lease: Lease,
        prepared: Prepared,
        ending: asyncio.Event,
        on_begun: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._lease = lease
        self._parcel = lease.parcel
        self._prepared = prepared
        self._ending = ending
        self._on_begun = on_begun
        self._stay_end = desk.monotonic() + STAY_SECONDS
        self._settling = Settling(
            Rules(desk.patience, desk.clock), desk.recorder, lease.parcel, prepared.message
        )
        self._sending = Sending(desk, prepared, self._settling)

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
            self._settling.count(self._sending.spans)
            for span in self._sending.spans.values():
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
        try:
            met = await self._start_all(done)
            # Answers may be long in coming, and are waited for by the window alone.
            self._on_begun()
        finally:
            # Whatever ends the delivery, what was asked gets its answer written down.
            await self._sending.finish()
        if met is None:
            return False
        self._close(self._parcel.uids or (), done | met, Outcome.WITHDRAWN)
        return True

    async def _start_all(self, done: set[int]) -> set[int] | None:
        """Begin a request for each recipient not done with; None if interrupted.

        Else who of the uids that a later-parcel lists was met.
        """
        met: set[int] = set()
        target = self._prepared.message.target
        async for chunk in self._resolve():
            duplicates = await find_duplicates(
                self._desk.audience, self._parcel.app_id, target, chunk.recipients
            )
            if self._parcel.uids is not None:
                met.update([recipient.uid for recipient in chunk.recipients])
            for recipients in self._arrange(chunk.recipients, done, duplicates):
                if not await self._start(recipients):
                    return None
            if chunk.continue_after is not None:
                part = self._parcel.slice
                rest = Slice(part.platform, chunk.continue_after, part.through_uid)
                self._settling.leave_rest(rest)
        return met

    def _arrange(
        self, recipients: Sequence[Recipient], done: set[int], duplicates: set[int]
    ) -> Iterable[Sequence[Recipient]]:
        """Those still to be sent to, together with whom one gateway serves as well."""
        if self._lease.is_probe:
            # A probe asks for anybody: the first may be where nobody ever answers, for ever.
            recipients = random.sample(recipients, len(recipients))
        if done or duplicates:
            recipients = [each for each in recipients if each.uid not in done]
            for each in recipients:
                if each.uid in duplicates:
                    self._settling.note((each.platform, Outcome.DUPLICATE, ""), [each.uid])
            recipients = [each for each in recipients if each.uid not in duplicates]
        if self._parcel.slice.platform not in {Platform.MIXED, Platform.WEB_SAFARI}:
            return [recipients] if recipients else []
        together: dict[tuple[Platform, bool], list[Recipient]] = {}
        for each in recipients:
            # Safari's addresses are of two kinds.
            kind = each.platform is Platform.WEB_SAFARI and each.address.startswith("{")
            together.setdefault((each.platform, kind), []).append(each)
        return together.values()

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
        platform = self._parcel.slice.platform
        self._settling.note((platform, outcome, ""), [uid for uid in uids if uid not in done])

    async def _start(self, recipients: Sequence[Recipient]) -> bool:
        """Begin their requests, or settle them without one; False if we are to stop."""
        platform, app_id = recipients[0].platform, self._parcel.app_id
        gateway = await self._desk.gateways.get(app_id, platform, recipients[0].address)
        if gateway is None:
            self._settling.note((platform, Outcome.FAILED, NOT_CONFIGURED), _uids(recipients))
            return True
        rendered = self._prepared.render(gateway, platform)
        if isinstance(rendered, Refused):
            self._settling.note((platform, Outcome.FAILED, rendered.reason), _uids(recipients))
            return True
        for gate, together in gateway.by_gate(recipients).items():
            key = Key(app_id, platform, gate)
            pace = self._desk.switchboard.pace(key, gateway.quota)
            if not await self._start_by(Route(key, gateway, rendered, pace), together):
                return False
        return True

    async def _start_by(self, route: Route, recipients: Sequence[Recipient]) -> bool:
        """Likewise, of those who take one route: all of them, before the next parcel begins there.

        What is urgent, or a probe, waits for nobody.
        """
        turn = self._lease.turn
        if not turn[0]:
            return await self._start_rest(route, recipients)
        await route.pace.counter.take(1, turn)
        try:
            return await self._start_rest(route, recipients)
        finally:
            route.pace.counter.give_back(1)

    async def _start_rest(self, route: Route, rest: Sequence[Recipient]) -> bool:
        while rest:
            if self._settling.is_too_late(route.platform):
                self._settling.note((route.platform, Outcome.EXPIRED, ""), _uids(rest))
                return True
            if not self._may_send():
                return False
            if self._lease.is_probe and self._may_probe(route.key):
                await self._probe(route, rest[0])
                rest = rest[1:]
                continue
            places, wait = await self._take_places(route, len(rest))
            if not places:
                for recipient in rest:
                    self._settling.hold(recipient, route.key.gate, wait)
                return True
            if not self._may_send():
                self._sending.abandon(route, places)
                return False
            self._sending.start(route, rest[:places])
            rest = rest[places:]
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

    async def _take_places(self, route: Route, wanted: int) -> tuple[int, float]:
        """Wait for places in gate and window; how many, or for how long there will be none.

        Nobody holds places of the one while he waits for the other: they would be kept from whoever
        comes before him there.
        """
        recorder, pace, turn = self._desk.recorder, route.pace, self._lease.turn
        while True:
            room = await recorder.wait_for_room(turn)
            entry = await pace.enter(wanted, turn, self._stay_end, most=room)
            if not entry.places:
                return 0, entry.wait
            places = recorder.reserve_now(entry.places, turn)
            if places < entry.places:
                pace.withdraw(entry, entry.places - places)
            if places:
                return places, 0.0

    async def _probe(self, route: Route, recipient: Recipient) -> None:
        """One request that finds out for all others whether the gateway is back."""
        self._lease.is_probe = False
        route.pace.enter_as_probe()
        try:
            await self._desk.recorder.reserve(1, self._lease.turn)
        except BaseException:
            route.pace.abandon()
            raise
        opening = blame(await self._sending.ask(route, recipient))
        if opening is None:
            self._desk.switchboard.close(route.key)
        else:
            self._desk.switchboard.open(route.key, opening)


def _uids(recipients: Sequence[Recipient]) -> list[int]:
    return [recipient.uid for recipient in recipients]
