"""What a verdict makes of a recipient: recorded, put off, or parked; and the counts of it."""

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from opentelemetry import metrics, trace

from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.outcomes import AddressReport, Finding, Manner, Outcome
from services.dispatch.domain.parcels import LaterParcel, Parcel, Recipient, Slice
from services.dispatch.gateways.asking import Asked
from services.dispatch.gateways.verdicts import (
    Accepted,
    Dead,
    Later,
    Misconfigured,
    Refused,
    Stale,
    Suspect,
    Unknown,
)
from services.dispatch.pacing.backoff import retry_seconds, shorten
from services.dispatch.recorder import Recorder

meter = metrics.get_meter("carillon.dispatch")
notifications = meter.create_counter(
    "carillon.notifications", unit="{notification}", description="Outcomes by gateway and reason."
)
deferrals = meter.create_counter(
    "carillon.deferrals", unit="{notification}", description="What was put off, and why."
)

# Each way to a gateway goes on, or waits, by itself: a platform, and the gate of its gateway.
Way = tuple[Platform, str]

# A gateway that says "at once" is not asked in a loop.
MIN_WAIT_SECONDS = 1.0
UNANSWERED = "Unanswered"
# Those who are put off together wait for the longest of them: at most so many times their own wait.
WAIT_FACTOR = 4.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How long a notification is tried, and by which clock."""

    patience: timedelta
    clock: Callable[[], datetime]


class Settling:
    """The outcomes of one parcel's recipients, on their way to the recorder."""

    def __init__(self, rules: Rules, recorder: Recorder, parcel: Parcel, message: Message) -> None:
        self._rules = rules
        self._recorder = recorder
        self._parcel = parcel
        self._message = message
        # By way: who was put off by the gateway, who waits for a turn, who is parked.
        self._put_off: dict[Way, list[tuple[int, float]]] = {}
        self._held: dict[Way, list[tuple[int, float]]] = {}
        self._parked: dict[Way, list[int]] = {}
        self._rest: Slice | None = None
        self._counts: dict[Manner, int] = {}
        self._deferrals: dict[tuple[Platform, str], int] = {}

    def seconds_left(self, platform: Platform) -> float:
        """Until the message's time on this platform is over; below zero when it is."""
        lifetime = min(self._rules.patience, self._message.time_to_live(platform))
        return (self._message.start_time + lifetime - self._rules.clock()).total_seconds()

    def pause_seconds(self) -> float:
        """For how long its parcels may wait to be resumed; 0 if it is not paused, or too late."""
        if not self._message.is_paused:
            return 0.0
        deadline = self._message.deadline(self._rules.patience)
        return max((deadline - self._rules.clock()).total_seconds(), 0.0)

    def is_too_late(self, platform: Platform) -> bool:
        """Whether it is not sent any more; what is for now or never is tried once, however late.

        But not in a paused message: who meets it here, meets it after its deadline.
        """
        is_for_now = not self._message.time_to_live(platform) and not self._message.is_paused
        return not is_for_now and self.seconds_left(platform) <= 0

    def settle(self, recipient: Recipient, asked: Asked, gate: str, *, is_shut: bool) -> None:
        """End or put off a recipient that was asked for. `is_shut`: its circuit is open."""
        uid, platform, verdict = recipient.uid, recipient.platform, asked.verdict
        match verdict:
            case Accepted():
                report = self._report(recipient, asked, gate)
                self._record(uid, platform, Outcome.SENT, "", report)
            case Dead(reason=reason) | Suspect(reason=reason):
                report = self._report(recipient, asked, gate)
                self._record(uid, platform, Outcome.INVALID, reason, report)
            case Refused(reason=reason) | Stale(reason=reason):
                self._record(uid, platform, Outcome.FAILED, reason)
            case Unknown() if self._message.content.prefer_loss:
                self._record(uid, platform, Outcome.FAILED, UNANSWERED)
            case Misconfigured(reason=reason) | Unknown(reason=reason):
                self._wait(uid, (platform, gate), Later(reason), is_shut=is_shut)
            case Later():
                self._wait(uid, (platform, gate), verdict, is_shut=is_shut)

    def hold(self, recipient: Recipient, gate: str, seconds: float) -> None:
        """Nobody was asked: the gate is shut for so long, for ever if infinite."""
        way = recipient.platform, gate
        if self.seconds_left(recipient.platform) <= 0:
            self.note((recipient.platform, Outcome.EXPIRED, ""), [recipient.uid])
        elif math.isinf(seconds):
            self._parked.setdefault(way, []).append(recipient.uid)
        else:
            self._held.setdefault(way, []).append((recipient.uid, seconds))

    def note(self, manner: Manner, uids: Sequence[int]) -> None:
        """Record outcomes that took no place in the window."""
        if uids:
            self._recorder.borrow(len(uids))
            self.record(manner, uids)

    def record(self, manner: Manner, uids: Sequence[int]) -> None:
        """Record outcomes of sends that took their places in the window."""
        # What came of our own messages is no caller's business, and in no count of theirs.
        if self._message.content.is_internal:
            self._recorder.pass_over(self._parcel, len(uids))
        else:
            self._recorder.add(self._parcel, manner, uids)
        self._counts[manner] = self._counts.get(manner, 0) + len(uids)

    def leave_rest(self, rest: Slice) -> None:
        """What the slice has outgrown becomes a parcel of its own."""
        self._rest = rest

    def later_parcels(self) -> list[LaterParcel]:
        """What remains: by way those put off, those held, and those parked; and the rest."""
        attempt = self._parcel.attempt
        later = [_later(way, waits, attempt + 1) for way, waits in _group(self._put_off)]
        later += [_later(way, waits, attempt) for way, waits in _group(self._held)]
        for way, uids in self._parked.items():
            wait = max(self.seconds_left(way[0]), MIN_WAIT_SECONDS)
            waits = [(uid, wait) for uid in uids]
            later.append(_later(way, waits, attempt, is_parked=True))
        if self._rest is not None:
            later.append(LaterParcel(self._rest, None, attempt, 0.0))
        return later

    def count(self, spans: dict[Platform, trace.Span]) -> None:
        lane = self._parcel.lane.name
        for (platform, outcome, reason), count in self._counts.items():
            attributes = {
                "carillon.platform": platform.name,
                "carillon.outcome": outcome.name,
                "carillon.reason": reason,
                "carillon.lane": lane,
            }
            notifications.add(count, attributes)
            if span := spans.get(platform):
                span.set_attribute(f"carillon.count.{outcome.name.lower()}", count)
        for (platform, reason), count in self._deferrals.items():
            deferrals.add(
                count,
                {
                    "carillon.platform": platform.name,
                    "carillon.reason": reason,
                    "carillon.lane": lane,
                },
            )

    def _wait(self, uid: int, way: Way, later: Later, *, is_shut: bool) -> None:
        """Put a recipient off, or end it if its time would be over by then."""
        platform = way[0]
        left = self.seconds_left(platform)
        wait = self._choose_wait(later, left)
        if left <= 0 or (wait > left and not is_shut):
            self._record(uid, platform, Outcome.EXPIRED, later.reason)
            return
        kind = (platform, later.reason)
        self._deferrals[kind] = self._deferrals.get(kind, 0) + 1
        if is_shut:
            self._parked.setdefault(way, []).append(uid)
        else:
            self._put_off.setdefault(way, []).append((uid, wait))
        self._recorder.give_back()

    def _choose_wait(self, later: Later, left: float) -> float:
        # Who says "at once" time and again is put off as if he had not said when.
        is_hasty = later.seconds is not None and later.seconds < MIN_WAIT_SECONDS
        if later.seconds is None or (is_hasty and self._parcel.attempt):
            return shorten(retry_seconds(self._parcel.attempt, random.uniform), left)
        wait = max(later.seconds, MIN_WAIT_SECONDS)
        return wait if later.is_firm else shorten(wait, left)

    def _report(self, recipient: Recipient, asked: Asked, gate: str) -> AddressReport | None:
        if asked.finding is None:
            return None
        since = self._rules.clock()
        if asked.finding is Finding.DEAD and isinstance(asked.verdict, Dead):
            since = asked.verdict.since
        elif asked.finding is Finding.SUSPECT:
            since = asked.start_time
        return AddressReport(
            app_id=self._parcel.app_id,
            uid=recipient.uid,
            platform=recipient.platform,
            address_digest=hashlib.sha256(recipient.address.encode()).digest(),
            found_time=since,
            finding=asked.finding,
            gate=gate,
        )

    def _record(
        self,
        uid: int,
        platform: Platform,
        outcome: Outcome,
        reason: str,
        report: AddressReport | None = None,
    ) -> None:
        if report is not None:
            self._recorder.report(self._parcel, report)
        self.record((platform, outcome, reason), [uid])


def _group(
    put_off: dict[Way, list[tuple[int, float]]],
) -> Iterator[tuple[Way, list[tuple[int, float]]]]:
    """Like waits together: who is told to wait an hour must not make others wait for as long."""
    for way, waits in put_off.items():
        groups: dict[int, list[tuple[int, float]]] = {}
        for each in waits:
            groups.setdefault(int(math.log(max(each[1], 1.0), WAIT_FACTOR)), []).append(each)
        for group in groups.values():
            yield way, group


def _later(
    way: Way, waits: list[tuple[int, float]], attempt: int, *, is_parked: bool = False
) -> LaterParcel:
    platform, gate = way
    uids = tuple(sorted(uid for uid, _ in waits))
    part = Slice(platform, uids[0] - 1, uids[-1])
    return LaterParcel(part, uids, attempt, max(wait for _, wait in waits), is_parked, gate)
