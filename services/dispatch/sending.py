"""The requests of one parcel: many are started at once, and each ends by its answer.

Most are accepted at their first word. For these there is no task and nothing is awaited: their uids
are recorded when answers have come. Whatever takes a second question is a task of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from opentelemetry import trace
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.circuits import Key
from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import Finding, Outcome
from services.dispatch.domain.parcels import Recipient
from services.dispatch.domain.rooms import Audience
from services.dispatch.gateways.asking import (
    NO_SUBSCRIPTION,
    Asked,
    Questioner,
    conclude,
    find_home,
    read,
)
from services.dispatch.gateways.pool import Gateway, GatewayPool
from services.dispatch.gateways.rendering import Rendered
from services.dispatch.gateways.verdicts import Accepted, Dead, Refused, Stale, Suspect, Verdict
from services.dispatch.pacing.pace import Pace
from services.dispatch.recorder import Recorder
from services.dispatch.settling import Settling
from services.dispatch.switchboard import Switchboard
from services.dispatch.wire import Answer, Request, Wire, WireError

tracer = trace.get_tracer("carillon.dispatch")


@dataclass(slots=True)
class Prepared:
    """A message and how it looks on each platform, rendered once for all its parcels."""

    message: Message
    rendered: dict[tuple[str, Platform], Rendered | Refused] = field(default_factory=dict)
    # Where the gateway has taken it from us as it looks.
    taken: set[tuple[str, Platform]] = field(default_factory=set)

    def render(self, gateway: Gateway, platform: Platform) -> Rendered | Refused:
        way = (gateway.name, platform)
        rendered = self.rendered.get(way)
        if rendered is None:
            rendered = self.rendered[way] = gateway.render(self.message, platform)
        return rendered


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


@dataclass(frozen=True, eq=False, slots=True)
class Route:
    """How some recipients of one platform are reached: by which gateway, through which gate."""

    key: Key
    gateway: Gateway
    rendered: Rendered
    pace: Pace

    @property
    def platform(self) -> Platform:
        return self.key.platform

    @property
    def way(self) -> tuple[str, Platform]:
        return self.gateway.name, self.platform


@dataclass(frozen=True, slots=True)
class Moment:
    """When requests were started, by both clocks: before the gateway could know anything."""

    time: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that were started together, and for whom each is."""

    route: Route
    moment: Moment
    recipients: list[Recipient] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


class Sending:
    """Whoever starts a request has taken a place for it in the route's gate and in the window."""

    def __init__(self, desk: Desk, prepared: Prepared, settling: Settling) -> None:
        self._desk = desk
        self._prepared = prepared
        self._settling = settling
        self._under_way = 0
        self._all_ended = asyncio.Event()
        self._tasks: set[asyncio.Task[Verdict]] = set()
        self._failure: BaseException | None = None
        self.spans: dict[Platform, trace.Span] = {}

    def start(self, route: Route, recipients: Sequence[Recipient]) -> None:
        """Ask for each."""
        self._open_span(route)
        self._under_way += len(recipients)
        if route.gateway.is_prepared:
            self._start_batch(route, recipients)
            return
        for recipient in recipients:
            self._keep(self._ask(route, recipient))

    def abandon(self, route: Route, count: int) -> None:
        """Give back places in which nothing was started."""
        route.pace.abandon(count)
        self._desk.recorder.give_back(count)

    async def ask(self, route: Route, recipient: Recipient) -> Verdict:
        """Ask for one and wait for the last word, whatever it takes."""
        self._open_span(route)
        self._under_way += 1
        return await self._ask(route, recipient)

    async def finish(self) -> None:
        """Wait until the last request has ended, and raise what went wrong with any."""
        while self._under_way:
            self._all_ended.clear()
            await self._all_ended.wait()
        if self._failure is not None:
            raise self._failure

    def _start_batch(self, route: Route, recipients: Sequence[Recipient]) -> None:
        batch = Batch(route, self._now())
        written = route.gateway.write(
            self._prepared.message, route.rendered, route.platform, recipients
        )
        for recipient, request in zip(recipients, written, strict=True):
            if request is None:
                impossible = conclude(NO_SUBSCRIPTION, batch.moment.time)
                self._conclude(route, recipient, batch.moment, impossible)
            else:
                batch.recipients.append(recipient)
                batch.requests.append(request)
        self._desk.wire.start(batch.requests, partial(self._end, batch))

    def _end(self, batch: Batch, ended: Sequence[tuple[int, Answer | WireError]]) -> None:
        """What is called when some of a batch have their answers, or surely none."""
        good, recipients = batch.route.gateway.good, batch.recipients
        accepted: list[int] = []
        others: list[tuple[int, Answer | WireError]] = []
        for place, outcome in ended:
            if isinstance(outcome, Answer) and outcome.status in good:
                accepted.append(recipients[place].uid)
            else:
                others.append((place, outcome))
        if accepted:
            self._accept(batch, accepted)
        for place, outcome in others:
            self._end_otherwise(batch, place, outcome)

    def _accept(self, batch: Batch, uids: Sequence[int]) -> None:
        """They were accepted by answers that came together."""
        route = batch.route
        self._prepared.taken.add(route.way)
        route.pace.leave_well(len(uids), batch.moment.monotonic)
        self._settling.record((route.platform, Outcome.SENT, ""), uids)
        self._count_off(len(uids))

    def _end_otherwise(self, batch: Batch, place: int, outcome: Answer | WireError) -> None:
        route, moment, recipient = batch.route, batch.moment, batch.recipients[place]
        try:
            verdict = read(route.gateway, batch.requests[place].url, outcome, moment.time)
            if isinstance(verdict, Stale) or find_home(route.gateway, recipient, verdict):
                going_on = self._questioner(route).go_on(recipient, verdict, moment.time)
                self._keep(self._await(route, recipient, moment, going_on))
            else:
                self._conclude(route, recipient, moment, conclude(verdict, moment.time))
        except Exception as error:  # noqa: BLE001  told by whoever waits for the parcel's end
            self._failure = error
            self.abandon(route, 1)
            self._count_off(1)

    def _keep(self, asking: Awaitable[Verdict]) -> None:
        task = asyncio.ensure_future(asking)
        self._tasks.add(task)
        task.add_done_callback(self._note_task)

    def _note_task(self, task: asyncio.Task[Verdict]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    async def _ask(self, route: Route, recipient: Recipient) -> Verdict:
        asking = self._questioner(route).ask(recipient)
        return await self._await(route, recipient, self._now(), asking)

    async def _await(
        self, route: Route, recipient: Recipient, moment: Moment, asking: Awaitable[Asked]
    ) -> Verdict:
        try:
            asked = await asking
        except BaseException:
            self.abandon(route, 1)
            self._count_off(1)
            raise
        return self._conclude(route, recipient, moment, asked)

    def _conclude(
        self, route: Route, recipient: Recipient, moment: Moment, asked: Asked
    ) -> Verdict:
        asked = self._weigh(route.way, asked)
        self._learn(route, asked.verdict, moment.monotonic)
        self._settling.settle(recipient, asked, route.key.gate, is_shut=route.pace.is_shut)
        self._count_off(1)
        return asked.verdict

    def _weigh(self, way: tuple[str, Platform], asked: Asked) -> Asked:
        """Who blames the address is believed once the same payload has passed at another one."""
        match asked.verdict:
            case Accepted():
                self._prepared.taken.add(way)
            case Refused(reason=reason, blames_address=True) if way in self._prepared.taken:
                return replace(asked, verdict=Dead(reason, asked.start_time), finding=Finding.DEAD)
        return asked

    def _learn(self, route: Route, verdict: Verdict, start: float) -> None:
        """What the answer says to everybody who passes the gate."""
        pace, switchboard = route.pace, self._desk.switchboard
        opening = pace.leave(verdict, start)
        if opening is not None:
            switchboard.open(route.key, opening)
        if isinstance(verdict, Accepted | Dead | Suspect):
            is_bad = not isinstance(verdict, Accepted)
            if pace.fuse.note(is_bad=is_bad):
                switchboard.blow(route.key, pace.fuse.share)

    def _count_off(self, count: int) -> None:
        self._under_way -= count
        if not self._under_way:
            self._all_ended.set()

    def _now(self) -> Moment:
        return Moment(self._desk.clock(), self._desk.monotonic())

    def _questioner(self, route: Route) -> Questioner:
        desk, message = self._desk, self._prepared.message
        may_flip = route.pace.may_flip
        return Questioner(desk.wire, route.gateway, message, route.rendered, desk.clock, may_flip)

    def _open_span(self, route: Route) -> None:
        """One span for all requests of the parcel to one gateway, never one per notification."""
        gateway, platform = route.way
        if platform not in self.spans:
            self.spans[platform] = tracer.start_span(
                f"gateway {gateway}",
                kind=trace.SpanKind.CLIENT,
                attributes={"carillon.gateway": gateway, "carillon.platform": platform.name},
            )
