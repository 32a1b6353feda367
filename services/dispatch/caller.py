"""The caller delivers events to webhooks, each webhook by one worker at a time.

A webhook that fails is left alone for longer and longer, and delays nobody else.
"""

import asyncio
import base64
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from opentelemetry import metrics, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import OUTAGE_SECONDS, Bell
from services.dispatch.domain.webhooks import longest_pause, sign
from services.dispatch.gateways.verdicts import read_retry_after
from services.dispatch.store import events, webhooks
from services.dispatch.store.events import Failure, Posting
from services.dispatch.store.webhooks import Lease
from services.dispatch.tracing import context_of, current_trace_parent
from services.dispatch.wire import Answer, Forbidden, Request, Wire, WireError
from services.kit.database import is_outage
from services.kit.vault import Vault

log = structlog.get_logger()
tracer = trace.get_tracer("carillon.dispatch")
calls = metrics.get_meter("carillon.dispatch").create_counter(
    "carillon.webhook_calls", unit="{call}", description="Calls of webhooks, by outcome and reason."
)

POLL_SECONDS = 1.0
# Events that a worker takes at once, and how many of them are under way together.
BATCH = 100
AT_ONCE = 8
MAX_RETRY_AFTER = 3600.0
GOOD = range(200, 300)
GONE = 410
USER_AGENT = "Carillon-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Limits:
    """`webhooks` are worked for at the same time; a call takes at most `seconds`."""

    webhooks: int
    seconds: float
    lease_time: timedelta


@dataclass(slots=True)
class _Yield:
    """What a worker brings home."""

    delivered: list[int] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    retry_after: float = 0.0


class Caller:
    """Several may run: a webhook's lease belongs to one of them."""

    def __init__(
        self,
        db: AsyncEngine,
        vault: Vault,
        wire: Wire,
        clock: Callable[[], datetime],
        limits: Limits,
    ) -> None:
        self._db = db
        self._vault = vault
        self._wire = wire
        self._clock = clock
        self._limits = limits
        self.bell = Bell()

    async def run(self) -> None:
        """Work for ever: whoever is due is taken as soon as there is a free place."""
        places = asyncio.Semaphore(self._limits.webhooks)
        async with asyncio.TaskGroup() as workers:
            while True:
                await places.acquire()
                lease = await self._take()
                if lease is None:
                    places.release()
                    await self.bell.wait(POLL_SECONDS)
                    continue
                worker = workers.create_task(self._work(lease))
                worker.add_done_callback(lambda _: self._end(places))

    def _end(self, places: asyncio.Semaphore) -> None:
        places.release()
        # There may be more for whom it worked.
        self.bell.ring()

    async def step(self) -> bool:
        """Take one webhook and work for it; whether there was one."""
        lease = await self._take()
        if lease is None:
            return False
        await self._work(lease)
        return True

    async def _take(self) -> Lease | None:
        try:
            with suppress_instrumentation():
                async with self._db.begin() as tx:
                    taken = await webhooks.lease(tx, self._vault, 1, self._limits.lease_time)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("store.away", engine="caller", error=type(error).__name__)
            await asyncio.sleep(OUTAGE_SECONDS)
            return None
        return taken[0] if taken else None

    async def _work(self, lease: Lease) -> None:
        try:
            with suppress_instrumentation():
                async with self._db.connect() as connection:
                    limit = BATCH if not lease.failures else 1
                    waiting = await events.due(
                        connection, self._vault, lease.webhook.app_id, lease.webhook_id, limit
                    )
                brought = _Yield()
                try:
                    await self._call_all(lease, waiting, brought)
                finally:
                    # Whoever wants to end this process waits for what is known to be written.
                    await asyncio.shield(self._settle(lease, brought))
        except Exception as error:
            if not is_outage(error):
                raise
            # What was delivered is delivered again when the lease has run out.
            log.warning("store.away", engine="caller", error=type(error).__name__)

    async def _call_all(self, lease: Lease, waiting: Sequence[Posting], brought: _Yield) -> None:
        """Call in the order of the events, a few at once, until one fails or time is short."""
        rest = iter(waiting)
        ends = asyncio.get_running_loop().time() + self._limits.lease_time.total_seconds() / 2

        async def go_on() -> None:
            for posting in rest:
                await self._call(lease, posting, brought)
                if brought.failed or asyncio.get_running_loop().time() > ends:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(waiting))):
                group.create_task(go_on())

    async def _call(self, lease: Lease, posting: Posting, brought: _Yield) -> None:
        with tracer.start_as_current_span(
            "webhook.call",
            context_of(posting.trace_parent),
            trace.SpanKind.CLIENT,
            attributes={"carillon.app_id": str(lease.webhook.app_id)},
        ):
            answer, reason = await self._ask(lease, posting)
        if not reason:
            brought.delivered.append(posting.number)
            calls.add(1, {"outcome": "delivered", "reason": ""})
            return
        is_over = self._clock() >= posting.end_time or reason == str(GONE)
        wait = None if is_over else draw_pause(posting.attempts + 1)
        brought.failed.append(Failure(posting.number, reason, wait))
        if answer is not None:
            asked = read_retry_after(answer.headers, self._clock()) or 0.0
            brought.retry_after = max(brought.retry_after, min(asked, MAX_RETRY_AFTER))
        calls.add(1, {"outcome": "dead" if is_over else "retried", "reason": reason})
        log.info(
            "webhook.failed",
            app_id=str(lease.webhook.app_id),
            webhook=lease.webhook.name,
            event_id=posting.event_id,
            attempt=posting.attempts + 1,
            reason=reason,
            dead=is_over,
        )

    async def _ask(self, lease: Lease, posting: Posting) -> tuple[Answer | None, str]:
        """The answer, if there was one; and why it counts as failed, empty if it does not."""
        try:
            answer = await self._wire.post(self._write_request(lease, posting))
        except Forbidden:
            return None, "Forbidden"
        except WireError as error:
            return None, str(error) or type(error).__name__
        return answer, "" if answer.status in GOOD else str(answer.status)

    def _write_request(self, lease: Lease, posting: Posting) -> Request:
        webhook, now = lease.webhook, self._clock()
        timestamp = int(now.timestamp())
        signing = webhook.keyring.valid(now)
        headers = [
            ("content-type", "application/json"),
            ("user-agent", USER_AGENT),
            ("webhook-id", posting.event_id),
            ("webhook-timestamp", str(timestamp)),
            ("webhook-signature", sign(signing, posting.event_id, timestamp, posting.body)),
        ]
        if webhook.keyring.user_info:
            credentials = base64.b64encode(webhook.keyring.user_info.encode()).decode()
            headers.append(("authorization", f"Basic {credentials}"))
        if trace_parent := current_trace_parent() or posting.trace_parent:
            headers.append(("traceparent", trace_parent))
        # A pool of its own: a slow host holds up nobody who shares its connections.
        pool = f"webhook-{lease.webhook_id}"
        return Request.to(
            webhook.url, tuple(headers), posting.body, pool=pool, seconds=self._limits.seconds
        )

    async def _settle(self, lease: Lease, brought: _Yield) -> None:
        """Write down what came of a lease, unless another has taken it meanwhile."""
        failures = 0
        if brought.failed:
            failures = 1 if brought.delivered else lease.failures + 1
        pause = max(draw_pause(failures), brought.retry_after) if failures else 0.0
        async with self._db.begin() as tx:
            if not await webhooks.hold(tx, lease):
                return
            if brought.delivered:
                await events.delete(tx, brought.delivered)
            if brought.failed:
                await events.put_off(tx, brought.failed, self._clock())
                reason = brought.failed[-1].reason
                await events.give_up(tx, lease.webhook_id, reason, self._clock())
            await webhooks.release(tx, lease, failures, timedelta(seconds=pause))


def draw_pause(failures: int) -> float:
    """Full jitter: anything up to a bound that doubles with each failure."""
    return random.uniform(0, longest_pause(failures))  # noqa: S311  no secret
