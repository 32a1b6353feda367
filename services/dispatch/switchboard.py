"""The switchboard of a sender: which circuits are open, here and at all other senders.

A circuit stands in the database, so that parcels are parked and probed once for all senders; each
sender mirrors what stands there, and acts on what it sees itself at once.
"""

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.bell import Bell, work
from services.dispatch.domain.circuits import BlownFuse, Cause, Circuit, Holder, Key, Opening
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.messages import Platform
from services.dispatch.domain.parcels import Parcel
from services.dispatch.gauges import Gauges
from services.dispatch.pacing.backoff import closed_seconds
from services.dispatch.pacing.breaker import choose_temper
from services.dispatch.pacing.limiter import Limiter
from services.dispatch.pacing.pace import Pace
from services.dispatch.pacing.quota import Quota
from services.dispatch.store import circuits, fuses, parcels

log = structlog.get_logger()

POLL_SECONDS = 1.0
MOVE_LIMIT = 1000
MAX_PACES = 4000
# A circuit behind which nobody waits cannot be probed. So long after it could have been, it is
# forgotten, and whoever comes next finds out.
IDLE_TIME = timedelta(hours=1)
# The first and the longest wait until a probe, by what opened the circuit.
WAITS = {
    Cause.OUTAGE: (10.0, 300.0),
    Cause.MISCONFIGURED: (30.0, 900.0),
    Cause.THROTTLED: (10.0, 300.0),
}


class StateBook(Protocol):
    """Registry: where the application's owner reads what became of a credential."""

    async def report_state(
        self, app_id: UUID, platform: Platform, version: int, reason: str | None
    ) -> None:
        """That version was refused for this reason; without one, it works again."""


class Credentials(Protocol):
    """Whose credential is used at a gate now; None if there is none."""

    async def holder(self, key: Key) -> Holder | None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What the deployment says of pacing."""

    # Requests under way at once, by one gate.
    concurrency: int
    fcm_per_minute: int
    patience: timedelta
    lease_time: timedelta


class Switchboard:
    """One per sender process."""

    def __init__(
        self,
        db: AsyncEngine,
        credentials: Credentials,
        settings: StateBook,
        limits: Limits,
        monotonic: Callable[[], float],
    ) -> None:
        self._db = db
        self._credentials = credentials
        self._settings = settings
        # What the settings are to show: the version that was refused and why, or that it works.
        self._states: dict[tuple[UUID, Platform], tuple[int, str | None]] = {}
        self._limits = limits
        self._monotonic = monotonic
        self._paces: OrderedDict[Key, Pace] = OrderedDict()
        # Kept for as long as a gate counts by them.
        self._quotas: WeakValueDictionary[str, Quota] = WeakValueDictionary()
        self._open: dict[Key, Circuit] = {}
        self._blown: dict[Key, BlownFuse] = {}
        # Seen here, and not on record yet.
        self._openings: dict[Key, Opening] = {}
        self._closings: set[Key] = set()
        self._probes_wanted: set[Key] = set()
        self._blowings: dict[Key, float] = {}
        self.bell = Bell()
        # Whoever delivers sets it: a parcel, leased to find out whether its gateway is back.
        self.on_probe: Callable[[Parcel], None] = lambda _: None
        Gauges(self, monotonic).register()

    @property
    def paces(self) -> Mapping[Key, Pace]:
        return self._paces

    @property
    def quotas(self) -> Iterable[Quota]:
        return self._quotas.values()

    @property
    def open_circuits(self) -> Iterable[Circuit]:
        return self._open.values()

    @property
    def blown_fuses(self) -> Iterable[BlownFuse]:
        return self._blown.values()

    async def run(self) -> None:
        await work("switchboard", self.step, self.bell, POLL_SECONDS)

    def pace(self, key: Key, quota: str = "") -> Pace:
        """The pace of a gate, the same for all who ask; gates of one quota share it."""
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = self._new_pace(key)
            self._drop_idle()
        if pace.quota_name != quota and quota:
            pace.count_by(quota, self._find_quota(quota))
        self._paces.move_to_end(key)
        return pace

    def is_shut(self, key: Key) -> bool:
        """Whether nobody passes a gate, as far as is known here."""
        pace = self._paces.get(key)
        return pace.is_shut if pace is not None else self._is_open(key)

    def open(self, key: Key, opening: Opening) -> None:
        """Stop asking, from now on here and within a second elsewhere."""
        self._openings[key] = opening
        self._closings.discard(key)
        self.pace(key).shut()
        self.bell.ring()

    def close(self, key: Key) -> None:
        """A probe has passed: go on."""
        self._openings.pop(key, None)
        self._closings.add(key)
        self.pace(key).reopen()
        self.bell.ring()

    def probe_again(self, key: Key) -> None:
        """The parcel that was to be the probe had nobody to send to."""
        self._probes_wanted.add(key)
        self.bell.ring()

    def blow(self, key: Key, share: float) -> None:
        """Hold the reports of a credential: too many of its addresses are no good."""
        self._blowings[key] = share
        self.bell.ring()

    async def step(self) -> bool:
        """Bring the database and this sender to agree; whether there is more to move at once."""
        with suppress_instrumentation():
            await self._write_down()
            async with self._db.begin() as tx:
                open_ = await circuits.read_all(tx)
                blown = await fuses.read_all(tx)
            self._mirror(open_, blown)
            await self._tell_settings()
            if not open_:
                return False
            await self._look_for_repairs(open_)
            moved = await self._move_parcels(open_)
            await self._probe()
        return moved >= MOVE_LIMIT

    def _new_pace(self, key: Key) -> Pace:
        temper = choose_temper(key.platform, key.gate)
        pace = Pace(temper, Limiter(self._limits.concurrency), None, self._monotonic)
        pace.fuse.is_blown = key in self._blown
        if self._is_open(key):
            pace.shut()
        return pace

    def _find_quota(self, name: str) -> Quota:
        quota = self._quotas.get(name)
        if quota is None:
            quota = self._quotas[name] = Quota(self._limits.fcm_per_minute)
        return quota

    def _is_open(self, key: Key) -> bool:
        return key in self._open and not self._open[key].is_closing

    def _drop_idle(self) -> None:
        if len(self._paces) > MAX_PACES:
            idle = (key for key, pace in self._paces.items() if pace.is_idle and not pace.is_shut)
            if (key := next(idle, None)) is not None:
                del self._paces[key]

    async def _write_down(self) -> None:
        for key, opening in list(self._openings.items()):
            await self._write_opening(key, opening)
            if self._openings.get(key) is opening:
                del self._openings[key]
        for key in list(self._closings):
            async with self._db.begin() as tx:
                is_news = await circuits.begin_closing(tx, key)
            self._closings.discard(key)
            await self._note_repair(key)
            if is_news:
                log.info("circuit.closed", **_say(key))
        for key in list(self._probes_wanted):
            async with self._db.begin() as tx:
                await circuits.probe_soon(tx, key)
            self._probes_wanted.discard(key)
        for key, share in list(self._blowings.items()):
            async with self._db.begin() as tx:
                is_news = await fuses.blow(tx, key, share)
            del self._blowings[key]
            if is_news:
                log.error("fuse.blown", **_say(key), share=share)

    async def _write_opening(self, key: Key, opening: Opening) -> None:
        known = self._open.get(key)
        seconds = opening.seconds
        if not seconds:  # nobody is probed in a loop because it says "at once"
            first, longest = WAITS[opening.cause]
            failures = 0 if known is None or known.is_closing else known.failures
            seconds = closed_seconds(failures, first, longest, random.uniform)
        holder = await self._find_holder(key)
        version = holder.version if holder else 0
        async with self._db.begin() as tx:
            is_news = await circuits.open_(tx, key, opening, version, timedelta(seconds=seconds))
        was_refused = known is not None and known.cause is Cause.MISCONFIGURED
        is_refusal = opening.cause is Cause.MISCONFIGURED and not (was_refused and not is_news)
        if holder and version and is_refusal:
            self._states[key.app_id, holder.platform] = (version, opening.reason)
        if is_news:
            log.warning(
                "circuit.opened", **_say(key), cause=opening.cause.name, reason=opening.reason
            )

    async def _note_repair(self, key: Key) -> None:
        """The settings are to show that a credential works, once none of its gates refuses it."""
        known = self._open.get(key)
        if known is None or known.cause is not Cause.MISCONFIGURED:
            return
        holder = await self._find_holder(key)
        if holder is None or any(
            [await self._is_refused(holder, key, each) for each in self._open]
        ):
            return
        self._states[key.app_id, holder.platform] = (known.version, None)

    async def _is_refused(self, holder: Holder, closing: Key, key: Key) -> bool:
        """Whether another gate of the same application is shut to the same credential."""
        if key == closing or key.app_id != closing.app_id or not self._is_open(key):
            return False
        is_refusal = self._open[key].cause is Cause.MISCONFIGURED
        return is_refusal and await self._find_holder(key) == holder

    async def _tell_settings(self) -> None:
        """Let the application's owner read in the settings what the gateway thinks of them."""
        for whose, (version, reason) in list(self._states.items()):
            try:
                await self._settings.report_state(*whose, version, reason)
            except RoomUnavailable:
                return
            del self._states[whose]

    async def _find_holder(self, key: Key) -> Holder | None:
        """None if there is no credential any more; of version 0 if registry does not say."""
        try:
            return await self._credentials.holder(key)
        except RoomUnavailable:
            return Holder(key.platform, 0)

    def _mirror(self, open_: Iterable[Circuit], blown: Iterable[BlownFuse]) -> None:
        self._open = {circuit.key: circuit for circuit in open_}
        self._blown = {fuse.key: fuse for fuse in blown}
        for key, pace in self._paces.items():
            circuit = self._open.get(key)
            is_open = circuit is not None and not circuit.is_closing and key not in self._closings
            if is_open and not pace.is_shut:
                pace.shut()
            elif not is_open and pace.is_shut and key not in self._openings:
                pace.reopen()
            if key in self._blown:
                pace.fuse.is_blown = True
            elif pace.fuse.is_blown and key not in self._blowings:
                pace.fuse.reset()

    async def _look_for_repairs(self, open_: Iterable[Circuit]) -> None:
        """A credential that was replaced is tried at once; one that is gone stops nobody."""
        for circuit in open_:
            if circuit.cause is not Cause.MISCONFIGURED or circuit.is_closing:
                continue
            holder = await self._find_holder(circuit.key)
            if holder is None:
                self.close(circuit.key)
            elif holder.version not in {0, circuit.version}:
                async with self._db.begin() as tx:
                    await circuits.probe_soon(tx, circuit.key, holder.version)
                self._open[circuit.key] = replace(circuit, version=holder.version)

    async def _move_parcels(self, open_: Iterable[Circuit]) -> int:
        """Park what is ready behind open circuits, and make ready what closing ones had parked."""
        async with self._db.begin() as tx:
            moved = await circuits.park_ready(tx, self._limits.patience, MOVE_LIMIT)
        for circuit in open_:
            if circuit.is_closing:
                async with self._db.begin() as tx:
                    moved = max(moved, await circuits.unpark(tx, circuit.key, MOVE_LIMIT))
        return moved

    async def _probe(self) -> None:
        async with self._db.begin() as tx:
            await circuits.forget_idle(tx, IDLE_TIME)
            claimed = await circuits.claim_probes(tx, self._limits.lease_time)
            leased = [
                await parcels.lease_parked(tx, key, self._limits.lease_time) for key in claimed
            ]
        for parcel in leased:
            if parcel is not None:
                self.on_probe(parcel)


def _say(key: Key) -> dict[str, str]:
    """Which gate, for the log."""
    return {"app_id": str(key.app_id), "platform": key.platform.name, "gate": key.gate}
