"""Something that may be done rarely: so often a second, and a few times at once."""


class Bucket:
    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._left = self._burst
        self._time = float("-inf")

    def take(self, now: float) -> bool:
        """Whether it may be done now; if so, it counts as done."""
        risen = self._left + max(now - self._time, 0.0) * self._per_second
        self._left = min(risen, self._burst)
        self._time = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
