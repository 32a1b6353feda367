"""The recorder writes down what came of parcels: many parcels' outcomes in one transaction.

At most `window` sends of this process are unrecorded at any time: that is what a crash can repeat.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.circuits import Key
from services.dispatch.domain.outcomes import AddressReport, Manner
from services.dispatch.domain.parcels import Lane, LaterParcel, Parcel
from services.dispatch.pacing.line import Turn
from services.dispatch.pacing.places import Places
from services.dispatch.store import checkpoints, circuits, halts, ledger, outbox, parcels
from services.kit.database import is_outage

log = structlog.get_logger()

CHECKPOINT_SECONDS = 0.02
# So many parcels that end do not wait for more.
ENDINGS_AT_ONCE = 4
OUTAGE_SECONDS = 0.2
# A circuit that nobody has on record, or not any more: tried again soon.
CLOSED_WAIT = timedelta(seconds=1)


@dataclass(slots=True)
class _Page:
    """What is to be written about one parcel with the next checkpoint."""

    parcel: Parcel
    ended: dict[Manner, list[int]] = field(default_factory=dict)
    reports: list[AddressReport] = field(default_factory=list)
    later: Sequence[LaterParcel] = ()
    ends: bool = False
    released_for: timedelta | None = None
    parked_for: timedelta | None = None
    paused_for: timedelta | None = None
    written: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_last(self) -> bool:
        waits = (self.released_for, self.parked_for, self.paused_for)
        return self.ends or any(wait is not None for wait in waits)

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to write of it but outcomes and its end."""
        is_given_back = self.is_last and not self.ends
        return not (self.reports or self.later or is_given_back)

    def parked_keys(self) -> set[Key]:
        """The circuits for which something of the parcel is to be parked."""
        keys = {_key_of(self.parcel, each) for each in self.later if each.is_parked}
        if self.parked_for is not None:
            keys.add(_key_of(self.parcel, self.parcel))
        return keys


class Recorder:
    """One per sender process."""

    def __init__(
        self,
        db: AsyncEngine,
        window: int,
        *,
        ring_outbox: Callable[[], None],
        report_delay: timedelta = timedelta(),
    ) -> None:
        self._db = db
        self._autocommit = db.execution_options(isolation_level="AUTOCOMMIT")
        self._report_delay = report_delay
        self._window = Places(window)
        self._checkpoint_size = max(window // 2, 1)
        self._ring_outbox = ring_outbox
        self._pages: dict[tuple[int, int], _Page] = {}
        self._count = 0
        self._borrowed = 0
        # How many parcels have come to their end since the last checkpoint.
        self._last_pages = 0
        self._waiting = asyncio.Event()
        self._urgent = asyncio.Event()

    @property
    def room(self) -> int:
        """How many more sends may be begun now."""
        return self._window.room

    async def wait_for_room(self, turn: Turn) -> int:
        """Wait until more sends may be begun; how many."""
        return await self._window.wait(turn)

    def reserve_now(self, count: int, turn: Turn) -> int:
        """Places that are free, up to `count`; none if somebody comes before."""
        return self._window.take_now(count, turn)

    async def reserve(self, count: int, turn: Turn) -> int:
        """Wait for places in the window, up to `count`: before each send."""
        return await self._window.take(count, turn)

    def give_back(self, count: int = 1) -> None:
        """Free places whose sends have no outcome to record, because they are put off."""
        self._window.give_back(count)

    def borrow(self, count: int = 1) -> None:
        """Count outcomes that needed no send: their writing frees places that nobody took."""
        self._borrowed += count

    def add(self, parcel: Parcel, manner: Manner, uids: Sequence[int]) -> None:
        """Note outcomes; their places are freed when they are written."""
        ended = self._page(parcel).ended
        known = ended.get(manner)
        if known is None:
            ended[manner] = list(uids)
        else:
            known += uids
        self._note(len(uids))

    def pass_over(self, parcel: Parcel, count: int) -> None:
        """Likewise, for outcomes that are not to be on record."""
        self._page(parcel)
        self._note(count)

    def report(self, parcel: Parcel, report: AddressReport) -> None:
        """Write it together with the outcome that is noted next."""
        self._page(parcel).reports.append(report)

    def _note(self, count: int) -> None:
        self._count += count
        self._waiting.set()
        if self._count >= self._checkpoint_size:
            self._urgent.set()

    async def finish(self, parcel: Parcel, later: Sequence[LaterParcel]) -> None:
        """Take a parcel off the queue, with what is put off of it; return when that is written."""
        page = self._page(parcel)
        page.later, page.ends = later, True
        await self._write_soon(page)

    async def release(self, parcel: Parcel, wait: timedelta) -> None:
        """Give an unfinished parcel back to the queue; return when that is written."""
        page = self._page(parcel)
        page.released_for = wait
        await self._write_soon(page)

    async def park(self, parcel: Parcel, wait: timedelta) -> None:
        """Leave a parcel until its circuit closes, for `wait` at most; return when written."""
        page = self._page(parcel)
        page.parked_for = wait
        await self._write_soon(page)

    async def pause(self, parcel: Parcel, wait: timedelta) -> None:
        """Leave a parcel until its message is resumed, for `wait` at most; return when written."""
        page = self._page(parcel)
        page.paused_for = wait
        await self._write_soon(page)

    async def run(self) -> None:
        """Write checkpoints for ever: when half the window waits, when a parcel ends, or soon."""
        while True:
            await self._waiting.wait()
            try:
                async with asyncio.timeout(CHECKPOINT_SECONDS):
                    await self._urgent.wait()
            except TimeoutError:
                pass
            # A result that is known is written, whoever wants to end this process.
            await asyncio.shield(self._checkpoint())

    async def _write_soon(self, page: _Page) -> None:
        """With the next checkpoint; several parcels of the bulk lane wait for each other."""
        self._last_pages += 1
        self._waiting.set()
        if page.parcel.lane is Lane.EXPRESS or self._last_pages >= ENDINGS_AT_ONCE:
            self._urgent.set()
        await page.written.wait()

    def _page(self, parcel: Parcel) -> _Page:
        return self._pages.setdefault(parcel.key, _Page(parcel))

    async def _checkpoint(self) -> None:
        pages, places = list(self._pages.values()), self._count - self._borrowed
        self._pages, self._count, self._borrowed, self._last_pages = {}, 0, 0, 0
        self._waiting.clear()
        self._urgent.clear()
        is_repeat = False
        while not await self._try_write(pages, is_repeat=is_repeat):
            is_repeat = True
            await asyncio.sleep(OUTAGE_SECONDS)
        self._window.give_back(places)
        for page in pages:
            page.written.set()
        if any(page.reports for page in pages):
            self._ring_outbox()

    async def _try_write(self, pages: list[_Page], *, is_repeat: bool) -> bool:
        """False while the database is away: the results are kept, and no place is freed."""
        try:
            with suppress_instrumentation():
                told = await self._write(pages, is_repeat=is_repeat)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("checkpoint.store_away", error=type(error).__name__)
            return False
        if told:
            self._ring_outbox()
        return True

    async def _write(self, pages: Sequence[_Page], *, is_repeat: bool) -> bool:
        """Whether somebody listens to what is written here."""
        if all(page.is_plain for page in pages) and not is_repeat:
            async with self._autocommit.connect() as connection:
                held, told = await checkpoints.record(connection, _entries(pages))
        else:
            async with self._db.begin() as tx:
                # Begins the transaction, and so that nothing comes between this and the rest.
                await parcels.lock_held(tx, [page.parcel for page in pages])
                if is_repeat:
                    await _leave_out_recorded(tx, pages)
                held, told = await checkpoints.record(tx, _entries(pages))
                ours = [page for page in pages if page.parcel.key in held]
                await _write_rest(tx, ours, self._report_delay)
        if len(held) < len(pages):
            # Another sender has taken them and answers for them now.
            log.warning("lease.lost", parcels=len(pages) - len(held))
        return told


def _entries(pages: Sequence[_Page]) -> list[checkpoints.Entry]:
    return [checkpoints.Entry(page.parcel, page.ended, page.ends) for page in pages]


async def _leave_out_recorded(tx: AsyncConnection, pages: Sequence[_Page]) -> None:
    """The checkpoint before was perhaps committed, and only its answer lost with the connection."""
    for page in pages:
        recorded = await ledger.recorded_uids(tx, page.parcel)
        if recorded:
            for uids in page.ended.values():
                uids[:] = [uid for uid in uids if uid not in recorded]
            page.ended = {manner: uids for manner, uids in page.ended.items() if uids}
            page.reports = [report for report in page.reports if report.uid not in recorded]


async def _write_rest(tx: AsyncConnection, pages: Sequence[_Page], report_delay: timedelta) -> None:
    """What was found of addresses; and what is not done with: put off, given back, or parked."""
    reports = [report for page in pages for report in page.reports]
    if reports:
        await outbox.add(tx, reports, report_delay)
    keys = set().union(*(page.parked_keys() for page in pages))
    open_ = await circuits.hold_open(tx, keys) if keys else set()
    for page in pages:
        if page.later:
            later = [_unless_closed(each, page.parcel, open_) for each in page.later]
            await parcels.put_off(tx, page.parcel, later)
        if page.released_for is not None:
            await parcels.release(tx, [page.parcel], page.released_for)
        if page.parked_for is not None and page.parked_keys() <= open_:
            await parcels.park(tx, [page.parcel], page.parked_for)
        elif page.parked_for is not None:
            await parcels.release(tx, [page.parcel], CLOSED_WAIT)
    await _pause(tx, [page for page in pages if page.paused_for is not None])


async def _pause(tx: AsyncConnection, pages: Sequence[_Page]) -> None:
    """What was resumed by now would be forgotten there: it is given back instead."""
    paused = (
        await halts.hold_paused(tx, {page.parcel.message_key for page in pages}) if pages else ()
    )
    for page in pages:
        if page.parcel.message_key in paused:
            await parcels.pause(tx, [page.parcel], page.paused_for or timedelta())
        else:
            await parcels.release(tx, [page.parcel], timedelta())


def _unless_closed(later: LaterParcel, parcel: Parcel, open_: Collection[Key]) -> LaterParcel:
    """What is parked behind a circuit that has closed by now would be forgotten there."""
    if not later.is_parked or _key_of(parcel, later) in open_:
        return later
    return replace(later, is_parked=False, wait_seconds=CLOSED_WAIT.total_seconds())


def _key_of(parcel: Parcel, part: Parcel | LaterParcel) -> Key:
    return Key(parcel.app_id, part.slice.platform, part.gate)
