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
from services.dispatch.domain.outcomes import AddressReport, Result
from services.dispatch.domain.parcels import LaterParcel, Parcel
from services.dispatch.domain.segments import pack
from services.dispatch.store import circuits, halts, ledger, news, outbox, parcels
from services.kit.database import is_outage

log = structlog.get_logger()

CHECKPOINT_SECONDS = 0.02
OUTAGE_SECONDS = 0.2
# A circuit that nobody has on record, or not any more: tried again soon.
CLOSED_WAIT = timedelta(seconds=1)


@dataclass(slots=True)
class _Page:
    """What is to be written about one parcel with the next checkpoint."""

    parcel: Parcel
    results: list[Result] = field(default_factory=list)
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
        ring_endings: Callable[[], None],
        ring_outbox: Callable[[], None],
        report_delay: timedelta = timedelta(),
    ) -> None:
        self._db = db
        self._report_delay = report_delay
        self._window = asyncio.Semaphore(window)
        self._checkpoint_size = max(window // 2, 1)
        self._ring_endings = ring_endings
        self._ring_outbox = ring_outbox
        self._pages: dict[tuple[int, int], _Page] = {}
        self._count = 0
        self._borrowed = 0
        self._waiting = asyncio.Event()
        self._urgent = asyncio.Event()

    async def reserve(self) -> None:
        """Wait for a place in the window: before each send."""
        await self._window.acquire()

    def give_back(self) -> None:
        """Free a place whose send has no outcome to record, because it is put off."""
        self._window.release()

    def borrow(self) -> None:
        """Count an outcome that needed no send: its writing frees a place that nobody took."""
        self._borrowed += 1

    def add(
        self, parcel: Parcel, result: Result | None, report: AddressReport | None = None
    ) -> None:
        """Note an outcome, if it is to be on record; its place is freed when it is written."""
        page = self._page(parcel)
        if result is not None:
            page.results.append(result)
        if report is not None:
            page.reports.append(report)
        self._count += 1
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
        self._waiting.set()
        self._urgent.set()
        await page.written.wait()

    def _page(self, parcel: Parcel) -> _Page:
        return self._pages.setdefault(parcel.key, _Page(parcel))

    async def _checkpoint(self) -> None:
        pages, places = list(self._pages.values()), self._count - self._borrowed
        self._pages, self._count, self._borrowed = {}, 0, 0
        self._waiting.clear()
        self._urgent.clear()
        while not await self._try_write(pages):  # noqa: ASYNC110  nobody rings when it is back
            await asyncio.sleep(OUTAGE_SECONDS)
        for _ in range(places):
            self._window.release()
        for page in pages:
            page.written.set()
        if any(page.ends for page in pages):
            self._ring_endings()
        if any(page.reports for page in pages):
            self._ring_outbox()

    async def _try_write(self, pages: list[_Page]) -> bool:
        """False while the database is away: the results are kept, and no place is freed."""
        try:
            with suppress_instrumentation():
                async with self._db.begin() as tx:
                    told = await _write(tx, pages, self._report_delay)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("checkpoint.store_away", error=type(error).__name__)
            return False
        if told:
            self._ring_outbox()
        return True


async def _write(tx: AsyncConnection, pages: Sequence[_Page], report_delay: timedelta) -> bool:
    """Whether somebody listens to what is written here."""
    held = await parcels.lock_held(tx, [page.parcel for page in pages])
    ours = [page for page in pages if page.parcel.key in held]
    if len(ours) < len(pages):
        # Another sender has taken them and answers for them now.
        log.warning("lease.lost", parcels=len(pages) - len(ours))
    segments = [(page.parcel, part) for page in ours for part in pack(page.results)]
    if segments:
        await ledger.append(tx, segments)
    told = await news.note(
        tx, [(p.parcel.app_id, p.parcel.message_id, p.results) for p in ours if p.results]
    )
    reports = [report for page in ours for report in page.reports]
    if reports:
        await outbox.add(tx, reports, report_delay)
    await _write_rest(tx, ours)
    done = [page.parcel for page in ours if page.ends]
    if done:
        await parcels.delete(tx, done)
    return told


async def _write_rest(tx: AsyncConnection, pages: Sequence[_Page]) -> None:
    """What is not done with: put off, given back, or parked."""
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
