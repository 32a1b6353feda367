"""The sender leases parcels, delivers several at once, and keeps its leases alive."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.bell import Bell, work
from services.dispatch.delivery import Delivery, Lease
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.parcels import Lane, Parcel
from services.dispatch.ranks import Ranks
from services.dispatch.sending import Desk, Prepared
from services.dispatch.store import halts, messages, parcels
from services.dispatch.tracing import context_of
from services.kit.database import is_outage

log = structlog.get_logger()
tracer = trace.get_tracer("carillon.dispatch")

POLL_SECONDS = 1.0
HALT_SECONDS = 0.5
DRAIN_SECONDS = 20.0
RELEASE_WAIT = timedelta(seconds=1)
MAX_PREPARED = 256


class Sender:
    """One per process. Its slots bound how many parcels it begins at once, by lane.

    How many wait for answers is bounded by the window of the recorder.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        slots: dict[Lane, int],
        lease_time: timedelta,
        ring_endings: Callable[[], None],
    ) -> None:
        self._desk = desk
        # What stands alone needs no transaction around it.
        self._alone = desk.db.execution_options(isolation_level="AUTOCOMMIT")
        self._free = dict(slots)
        # So many free slots of the bulk lane are worth a lease; fewer wait for more, or for a poll.
        self._bulk_share = max(slots[Lane.BULK] // 2, 1)
        self._lease_time = lease_time
        self._ring_endings = ring_endings
        self._held: dict[tuple[int, int], Lease] = {}
        self._ranks = {lane: Ranks() for lane in Lane}
        self._tasks: set[asyncio.Task[None]] = set()
        self._prepared: OrderedDict[tuple[UUID, str], Prepared] = OrderedDict()
        self._ending = asyncio.Event()
        self.bell = Bell()
        self.halts_bell = Bell()
        desk.switchboard.on_probe = self._start_probe

    @property
    def halted_count(self) -> int:
        """How many parcels are in hands of which nothing more begins."""
        return sum(lease.is_halted for lease in self._held.values())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._desk.recorder.run())
            group.create_task(self._desk.switchboard.run())
            group.create_task(work("sender", self._lease_more, self.bell, POLL_SECONDS))
            group.create_task(work("halter", self._halt, self.halts_bell, HALT_SECONDS))
            quiet = Bell()
            beat = self._lease_time.total_seconds() / 3
            group.create_task(work("heartbeat", self._renew, quiet, beat))

    async def drain(self) -> None:
        """Start no more requests, wait for those under way, and give the rest back."""
        self._ending.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _lease_more(self) -> bool:
        """Fill the free slots; whether it may be worth to ask again at once."""
        if self._ending.is_set() or not any(free > 0 for free in self._free.values()):
            return False
        wanted = [(lane, free) for lane, free in self._free.items() if free > 0]
        with suppress_instrumentation():
            async with self._alone.connect() as connection:
                # One after the other: what is leased is in hand, whatever comes of the rest.
                taken = [await self._lease(connection, lane, free) for lane, free in wanted]
        return any(taken)

    async def _lease(self, connection: AsyncConnection, lane: Lane, limit: int) -> bool:
        """Start so many parcels of a lane at most; whether there were any."""
        deadline = self._desk.monotonic() + self._lease_time.total_seconds()
        taken = await parcels.lease(connection, lane, limit, self._lease_time)
        found: Mapping[tuple[UUID, str], Prepared] = {}
        try:
            found = await self._prepare(connection, taken)
        except Exception as error:
            # Each is read by itself then, and who cannot be takes no other with it.
            if not is_outage(error):
                log.exception("messages.unreadable", parcels=len(taken))
        finally:
            for parcel in taken:
                prepared = found.get(parcel.message_key)
                rank = self._ranks[lane].give(parcel.app_id)
                self._start(Lease(parcel, deadline, rank), prepared)
        return bool(taken)

    def _start_probe(self, parcel: Parcel) -> None:
        """Deliver what the switchboard has leased; it may exceed the slots of its lane by one."""
        deadline = self._desk.monotonic() + self._lease_time.total_seconds()
        rank = self._ranks[parcel.lane].give(parcel.app_id)
        self._start(Lease(parcel, deadline, rank, is_probe=True))

    def _start(self, lease: Lease, prepared: Prepared | None = None) -> None:
        parcel = lease.parcel
        self._free[parcel.lane] -= 1
        self._held[parcel.key] = lease
        task = asyncio.create_task(self._deliver(lease, prepared))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, lease: Lease, prepared: Prepared | None) -> None:
        """Deliver a parcel, or give it back; whatever happens, its slot is free again."""
        parcel = lease.parcel
        try:
            if not await self._try_deliver(lease, prepared):
                await self._desk.recorder.release(parcel, timedelta())
        except RoomUnavailable as fault:
            log.warning("parcel.room_away", message_id=parcel.message_id, error=fault.message)
            await self._desk.recorder.release(parcel, RELEASE_WAIT)
        except Exception:
            # One parcel must not take the others with it.
            log.exception("parcel.failed", message_id=parcel.message_id)
            await self._desk.recorder.release(parcel, RELEASE_WAIT * 10)
        finally:
            del self._held[parcel.key]
            self._free_slot(lease)
            self._note_end(parcel)

    def _note_end(self, parcel: Parcel) -> None:
        """Tell that a message may have ended: not while we hold more of it, thousands of times."""
        held = self._held.values()
        if not any(lease.parcel.message_key == parcel.message_key for lease in held):
            self._ring_endings()

    def _free_slot(self, lease: Lease) -> None:
        if lease.has_slot:
            lease.has_slot = False
            lane = lease.parcel.lane
            self._ranks[lane].reach(lease.rank)
            self._free[lane] += 1
            if lane is Lane.EXPRESS or self._free[lane] >= self._bulk_share:
                self.bell.ring()

    async def _try_deliver(self, lease: Lease, prepared: Prepared | None) -> bool:
        parcel = lease.parcel
        if prepared is None:
            try:
                prepared = await self._prepare_one(parcel)
            except Exception as error:
                if is_outage(error):
                    return False
                raise
        with tracer.start_as_current_span(
            "parcel",
            context=context_of(prepared.message.trace_parent),
            kind=trace.SpanKind.CONSUMER,
            attributes={
                "carillon.message_id": parcel.message_id,
                "carillon.parcel_id": parcel.parcel_id,
                "carillon.lane": parcel.lane.name,
                "carillon.attempt": parcel.attempt,
            },
        ):
            on_begun = partial(self._free_slot, lease)
            return await Delivery(self._desk, lease, prepared, self._ending, on_begun).run()

    async def _prepare_one(self, parcel: Parcel) -> Prepared:
        """The message of a parcel that was not read with others."""
        with suppress_instrumentation():
            async with self._alone.connect() as connection:
                found = await self._prepare(connection, [parcel])
        if parcel.message_key not in found:
            raise LookupError(f"parcel {parcel.parcel_id} has no message")
        return found[parcel.message_key]

    async def _prepare(
        self, tx: AsyncConnection, taken: Sequence[Parcel]
    ) -> dict[tuple[UUID, str], Prepared]:
        """The messages of parcels, read together, and remembered for their other parcels."""
        keys = dict.fromkeys(parcel.message_key for parcel in taken)
        if unknown := {parcel.message_key for parcel in taken if self._is_news(parcel)}:
            for key in unknown:
                self._prepared.pop(key, None)
            for key, message in (await messages.get_each(tx, unknown)).items():
                self._prepared[key] = Prepared(message)
        found = {key: self._prepared[key] for key in keys if key in self._prepared}
        while len(self._prepared) > MAX_PREPARED:
            self._prepared.popitem(last=False)
        return found

    def _is_news(self, parcel: Parcel) -> bool:
        """Whether its message must be read: that of an old one may have been cancelled since."""
        known = self._prepared.get(parcel.message_key)
        is_old = parcel.attempt or parcel.was_interrupted
        return known is None or known.message.is_paused or bool(is_old)

    async def _halt(self) -> bool:
        """Begin nothing more of messages that were paused or cancelled."""
        held = list(self._held.values())
        if held:
            keys = {lease.parcel.message_key for lease in held}
            with suppress_instrumentation():
                async with self._desk.db.connect() as connection:
                    halted = await halts.read_halted(connection, keys)
            for lease in held:
                lease.is_halted = lease.parcel.message_key in halted
        return False

    async def _renew(self) -> bool:
        """Extend what we hold, and note what we have lost."""
        held = list(self._held.values())
        if held:
            deadline = self._desk.monotonic() + self._lease_time.total_seconds()
            with suppress_instrumentation():
                async with self._desk.db.begin() as tx:
                    ours = await parcels.renew(tx, [each.parcel for each in held], self._lease_time)
            for lease in held:
                lease.deadline = deadline
                lease.lost = lease.parcel.key not in ours
        return False
