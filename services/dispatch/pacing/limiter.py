"""How many requests of one credential may be under way at once: learnt from how they end."""

INITIAL_LIMIT = 32.0


class Limiter:
    """Additive increase, multiplicative decrease, as TCP finds out what a path can carry.

    Doubles with each round of good answers until the first bad one, and then grows by one a round.
    It works under the gateway's own SETTINGS, which the wire obeys.
    """

    def __init__(self, highest: int, initial: float = INITIAL_LIMIT) -> None:
        self._highest = float(max(highest, 1))
        self._initial = min(initial, self._highest)
        self.limit = self._initial
        self.under_way = 0
        self._is_starting = True
        self._cut_time = float("-inf")

    @property
    def room(self) -> int:
        """How many more may be started now."""
        return max(int(self.limit) - self.under_way, 0)

    def start(self, count: int = 1) -> None:
        self.under_way += count

    def end_well(self, count: int = 1) -> None:
        """So many answers came that say nothing against our speed."""
        if self.limit < self._highest:
            for under_way in range(self.under_way, self.under_way - count, -1):
                self._widen(under_way)
        self.under_way -= count

    def _widen(self, under_way: int) -> None:
        # Who does not use what is allowed has not shown that more would be borne.
        if under_way >= self.limit / 2:
            step = 1.0 if self._is_starting else 1.0 / self.limit
            self.limit = min(self.limit + step, self._highest)

    def end_badly(self, start_time: float, now: float, count: int = 1) -> None:
        """It was overloaded or silent. What began before the last cut knew nothing of that one."""
        self.under_way -= count
        if start_time <= self._cut_time:
            return
        self._cut_time = now
        self._is_starting = False
        self.limit = max(self.limit / 2, 1.0)

    def begin_anew(self) -> None:
        """Start over: the gateway was away, and what it bore before says little now."""
        self.limit = self._initial
        self._is_starting = True
