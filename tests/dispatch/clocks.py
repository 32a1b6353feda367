"""Time that a test moves by hand."""

from datetime import UTC, datetime, timedelta

from tests.conftest import NOON


class Clock:
    """Stands still until it is moved. `monotonic` moves with it."""

    def __init__(self, now: datetime = NOON) -> None:
        self._start = now
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - self._start).total_seconds()

    def pass_by(self, time: timedelta) -> None:
        self.now += time


def this_second() -> datetime:
    """A clock must begin near the real time where PostgreSQL's own takes part."""
    return datetime.now(UTC).replace(microsecond=0)
