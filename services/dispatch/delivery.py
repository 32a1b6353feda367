"""The delivery of one parcel: whom it means now, one request each, and what came of it."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from opentelemetry import metrics, trace
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.messages import Message, Platform, Status
from services.dispatch.domain.outcomes import DeadAddress, Outcome, Result
from services.dispatch.domain.parcels import LaterParcel, Parcel, Recipient, Slice
from services.dispatch.domain.rooms import Audience, Chunk
from services.dispatch.gateways.asking import ask
from services.dispatch.gateways.pool import Gateway, GatewayPool
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import (
    Accepted,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Stale,
    Suspect,
    Verdict,
)
from services.dispatch.recorder import Recorder
from services.dispatch.store import ledger
from services.dispatch.wire import Wire

tracer = trace.get_tracer("carillon.dispatch")
notifications = metrics.get_meter("carillon.dispatch").create_counter(
    "carillon.notifications", unit="{notification}", description="Outcomes by gateway and reason."
)

# A gateway that says "at once" is not asked in a loop.
MIN_WAIT_SECONDS = 1.0
FIRST_BACKOFF_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 900.0
NOT_CONFIGURED = "GatewayNotConfigured"


@dataclass(slots=True)
class Lease:
    """A parcel in our hands. `deadline` is by our own monotonic clock."""

    parcel: Parcel
    deadline: float
    lost: bool = False


@dataclass(slots=True)
class Prepared:
    """A message and how it looks on each platform, rendered once for all its parcels."""

    message: Message
    rendered: dict[tuple[str, Platform], Rendered | Refused] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every delivery of a sender works with."""

    db: AsyncEngine
    audience: Audience
    gateways: GatewayPool
    wire: Wire
    recorder: Recorder
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
        self._later: dict[Platform, list[tuple[int, float]]] = {}
        self._rest: Slice | None = None
        self._spans: dict[Platform, trace.Span] = {}
        self._counts: dict[tuple[Platform, Outcome, str], int] = {}

    async def run(self) -> bool:
        """Send to whom the parcel means now; False if it must be given back unfinished.

        Raises:
            RoomUnavailable: if targeting or registry does not answer; the results so far stand.
        """
        try:
            complete = await self._send_all()
        finally:
            self._count()
            for span in self._spans.values():
                span.end()
        if complete:
            await self._desk.recorder.finish(self._parcel, self._put_off())
        return complete

    async def _send_all(self) -> bool:
        spared = self._prepared.message.content.spared_uids
        done = await self._recorded() | set(spared)
        if self._prepared.message.status is Status.CANCELLED:
            self._close(self._parcel.uids or (), done, Outcome.CANCELLED)
            return True
        sends: set[asyncio.Task[None]] = set()
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

    async def _start_sends(self, sends: set[asyncio.Task[None]], done: set[int]) -> set[int] | None:
        """Begin a request for each recipient not done with; the uids met, None if interrupted."""
        met: set[int] = set()
        async for chunk in self._resolve():
            for recipient in chunk.recipients:
                met.add(recipient.uid)
                if recipient.uid in done:
                    continue
                if not self._may_send():
                    return None
                await self._start(sends, recipient)
            if chunk.continue_after is not None:
                part = self._parcel.slice
                self._rest = Slice(part.platform, chunk.continue_after, part.through_uid)
        return met

    def _may_send(self) -> bool:
        """Whether the parcel is still ours and we are not to stop."""
        held = not self._lease.lost and self._desk.monotonic() < self._lease.deadline
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
                self._note(uid, self._parcel.slice.platform, outcome, "")

    async def _start(self, sends: set[asyncio.Task[None]], recipient: Recipient) -> None:
        platform = recipient.platform
        gateway = await self._desk.gateways.get(self._parcel.app_id, platform, recipient.address)
        if gateway is None:
            self._note(recipient.uid, platform, Outcome.FAILED, NOT_CONFIGURED)
            return
        rendered = self._render(gateway, platform)
        if isinstance(rendered, Refused):
            self._note(recipient.uid, platform, Outcome.FAILED, rendered.reason)
            return
        if self._is_too_late(platform):
            self._note(recipient.uid, platform, Outcome.EXPIRED, "")
            return
        if platform not in self._spans:
            self._open_span(gateway, platform)
        await self._desk.recorder.reserve()
        sends.add(asyncio.create_task(self._send(gateway, rendered, recipient)))

    def _open_span(self, gateway: Gateway, platform: Platform) -> None:
        """One span for all requests of the parcel to one gateway, never one per notification."""
        self._spans[platform] = tracer.start_span(
            f"gateway {gateway.name}",
            kind=trace.SpanKind.CLIENT,
            attributes={"carillon.gateway": gateway.name, "carillon.platform": platform.name},
        )

    async def _send(self, gateway: Gateway, rendered: Rendered, recipient: Recipient) -> None:
        try:
            verdict = await ask(
                self._desk.wire,
                gateway,
                self._prepared.message,
                rendered,
                recipient,
                self._desk.clock,
            )
        except BaseException:
            self._desk.recorder.give_back()
            raise
        self._settle(recipient, verdict)

    def _render(self, gateway: Gateway, platform: Platform) -> Rendered | Refused:
        way = (gateway.name, platform)
        rendered = self._prepared.rendered.get(way)
        if rendered is None:
            rendered = gateway.render(self._prepared.message, platform)
            self._prepared.rendered[way] = rendered
        return rendered

    def _is_too_late(self, platform: Platform) -> bool:
        """Whether its time is over; what is for now or never is tried once, however late."""
        message = self._prepared.message
        lifetime = message.time_to_live(platform)
        return bool(lifetime) and self._desk.clock() > message.create_time + lifetime

    def _settle(self, recipient: Recipient, verdict: Verdict) -> None:
        uid, platform = recipient.uid, recipient.platform
        match verdict:
            case Accepted():
                self._record(uid, platform, Outcome.SENT, "")
            case Dead(reason, since):
                digest = hashlib.sha256(recipient.address.encode()).digest()
                dead = DeadAddress(self._parcel.app_id, uid, digest, since)
                self._record(uid, platform, Outcome.INVALID, reason, dead)
            case Suspect(reason):
                self._record(uid, platform, Outcome.INVALID, reason)
            case Refused(reason) | Misconfigured(reason) | Stale(reason):
                self._record(uid, platform, Outcome.FAILED, reason)
            case Later(reason, seconds):
                self._wait(uid, platform, reason, seconds)

    def _wait(self, uid: int, platform: Platform, reason: str, seconds: float | None) -> None:
        """Put a recipient off, or end it if its time would be over by then."""
        wait = self._backoff() if seconds is None else max(seconds, MIN_WAIT_SECONDS)
        next_try = self._desk.clock() + timedelta(seconds=wait)
        patience = min(self._desk.patience, self._prepared.message.time_to_live(platform))
        if next_try > self._parcel.first_time + patience:
            self._record(uid, platform, Outcome.EXPIRED, reason)
            return
        self._later.setdefault(platform, []).append((uid, wait))
        self._desk.recorder.give_back()

    def _backoff(self) -> float:
        """Full jitter between the first wait and one that doubles with each attempt."""
        ceiling = min(FIRST_BACKOFF_SECONDS * 2**self._parcel.attempt, MAX_BACKOFF_SECONDS)
        return random.uniform(FIRST_BACKOFF_SECONDS, 2 * ceiling)  # noqa: S311  guards nothing

    def _record(
        self,
        uid: int,
        platform: Platform,
        outcome: Outcome,
        reason: str,
        dead: DeadAddress | None = None,
    ) -> None:
        self._desk.recorder.add(self._parcel, Result(uid, platform, outcome, reason), dead)
        way = (platform, outcome, reason)
        self._counts[way] = self._counts.get(way, 0) + 1

    def _note(self, uid: int, platform: Platform, outcome: Outcome, reason: str) -> None:
        """Record an outcome that took no place in the window."""
        self._desk.recorder.borrow()
        self._record(uid, platform, outcome, reason)

    def _put_off(self) -> list[LaterParcel]:
        """What remains: one parcel per platform for those put off, one for an outgrown slice."""
        later = []
        for platform, waits in self._later.items():
            uids = tuple(sorted(uid for uid, _ in waits))
            part = Slice(platform, uids[0] - 1, uids[-1])
            wait = max(seconds for _, seconds in waits)
            later.append(LaterParcel(part, uids, self._parcel.attempt + 1, wait))
        if self._rest is not None:
            later.append(LaterParcel(self._rest, None, self._parcel.attempt, 0.0))
        return later

    def _count(self) -> None:
        for (platform, outcome, reason), count in self._counts.items():
            attributes = {
                "carillon.platform": platform.name,
                "carillon.outcome": outcome.name,
                "carillon.reason": reason,
            }
            notifications.add(count, attributes)
            if span := self._spans.get(platform):
                span.set_attribute(f"carillon.count.{outcome.name.lower()}", count)
