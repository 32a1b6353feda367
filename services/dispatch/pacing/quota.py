"""A quota per minute, spread over the minute and ramped up from rest."""

RAMP_SECONDS = 60.0
# Of the full rate, at the beginning of a ramp: small sends never notice it.
FLOOR = 0.01
MIN_RATE = 10.0
MINUTE = 60.0
# What is due within it may leave at once.
MOMENT_SECONDS = 0.01


class Quota:
    """Says for each request how long it must wait, so that they leave evenly.

    Google asks senders to spread the quota instead of spending it at once, and to come from zero to
    the full rate over a minute or more. Who has been silent for a minute begins anew.
    """

    def __init__(self, per_minute: int, ramp_seconds: float = RAMP_SECONDS) -> None:
        self._rate = per_minute / MINUTE
        self._floor = min(max(self._rate * FLOOR, MIN_RATE), self._rate)
        self._ramp_seconds = ramp_seconds
        self._ramp_start = float("-inf")
        self._next = float("-inf")

    def rate(self, now: float) -> float:
        """Requests a second that are allowed now."""
        risen = min(max(now - self._ramp_start, 0.0) / self._ramp_seconds, 1.0)
        return max(self._rate * risen, self._floor)

    def take(self, now: float, longest: float) -> float:
        """Seconds until the next request may leave; taken only if that is at most `longest`."""
        if now - self._next > self._ramp_seconds:
            self._ramp_start = now
        turn = max(self._next, now)
        wait = turn - now
        if wait <= longest:
            self._next = turn + 1.0 / self.rate(now)
        return wait

    def take_some(self, now: float, longest: float, count: int) -> tuple[int, float]:
        """Turns for up to `count` requests that leave together, and the seconds until the first.

        As many as are due within a moment from then on; none if that is too long to wait.
        """
        wait = self.take(now, longest)
        if wait > longest:
            return 0, wait
        more = min(count - 1, int(self.rate(now) * MOMENT_SECONDS))
        self._next += more / self.rate(now)
        return 1 + more, wait

    def give_back(self, now: float, count: int) -> None:
        """Turns that were taken just now, and not used."""
        self._next -= count / self.rate(now)

    def begin_anew(self, now: float) -> None:
        """Ramp up again: the gateway said that it was too much, or was away."""
        self._ramp_start = now
