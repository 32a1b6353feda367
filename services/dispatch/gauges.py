"""What a sender's gates have learnt and whom they keep waiting, as figures.

By platform and gate, of which there are few, and never by application, of which there may be any
number: those that are open are listed by the circuits of each.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from services.dispatch.domain.circuits import BlownFuse, Circuit, Key
from services.dispatch.domain.messages import Platform
from services.dispatch.pacing.pace import Pace
from services.dispatch.pacing.quota import Quota

meter = metrics.get_meter("carillon.dispatch")

Observations = Iterable[Observation]


class Board(Protocol):
    """What there is to see of a switchboard."""

    @property
    def paces(self) -> Mapping[Key, Pace]: ...
    @property
    def quotas(self) -> Iterable[Quota]: ...
    @property
    def open_circuits(self) -> Iterable[Circuit]: ...
    @property
    def blown_fuses(self) -> Iterable[BlownFuse]: ...


class Gauges:
    def __init__(self, board: Board, monotonic: Callable[[], float]) -> None:
        self._board = board
        self._monotonic = monotonic

    def register(self) -> None:
        """Let them be read whenever figures are."""
        for name, read, unit, description in (
            ("circuits.open", self.open_circuits, "{circuit}", "Circuits that are open."),
            ("fuses.blown", self.blown_fuses, "{fuse}", "Fuses that wait for a decision."),
            (
                "gates.limit",
                self.limits,
                "{request}",
                "The lowest learnt limit of requests under way, of all applications' gates.",
            ),
            ("gates.under_way", self.under_way, "{request}", "Requests that wait for an answer."),
            ("gates.answer_time", self.answer_times, "s", "How long the slowest gate's takes."),
            ("quotas.rate", self.rates, "{request}/s", "The lowest rate of FCM's quotas now."),
        ):
            meter.create_observable_gauge(
                f"carillon.{name}", [read], unit=unit, description=description
            )

    def open_circuits(self, _: CallbackOptions | None = None) -> Observations:
        counts = Counter((each.key[1:], each.cause.name) for each in self._board.open_circuits)
        for (way, cause), count in counts.items():
            yield Observation(count, _name(way) | {"carillon.cause": cause})

    def blown_fuses(self, _: CallbackOptions | None = None) -> Observations:
        waiting = (each for each in self._board.blown_fuses if each.confirm_time is None)
        for way, count in Counter(each.key[1:] for each in waiting).items():
            yield Observation(count, _name(way))

    def limits(self, _: CallbackOptions | None = None) -> Observations:
        return self._gather(lambda pace: int(pace.limiter.limit), min)

    def under_way(self, _: CallbackOptions | None = None) -> Observations:
        return self._gather(lambda pace: pace.limiter.under_way, sum)

    def answer_times(self, _: CallbackOptions | None = None) -> Observations:
        return self._gather(lambda pace: pace.answer_seconds, max)

    def rates(self, _: CallbackOptions | None = None) -> Observations:
        now = self._monotonic()
        rates = [quota.rate(now) for quota in self._board.quotas]
        return [Observation(min(rates))] if rates else []

    def _gather(
        self, read: Callable[[Pace], float], sum_up: Callable[[list[float]], float]
    ) -> Observations:
        by_way: dict[tuple[Platform, str], list[float]] = {}
        for key, pace in self._board.paces.items():
            by_way.setdefault(key[1:], []).append(read(pace))
        return [Observation(sum_up(found), _name(way)) for way, found in by_way.items()]


def _name(way: tuple[Platform, str]) -> dict[str, str]:
    return {"carillon.platform": way[0].name, "carillon.gate": way[1]}
