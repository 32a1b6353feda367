"""A fuse against burying a fleet: it blows when too many of the last addresses were no good."""

from collections import deque

WINDOW = 200
SHARE = 0.2


class Fuse:
    """Counts the last answers of one credential. Once blown it says so once, until `reset`."""

    def __init__(self, window: int = WINDOW, share: float = SHARE) -> None:
        self._answers: deque[bool] = deque(maxlen=window)
        self._window = window
        self._share = share
        self._bad = 0
        self.is_blown = False

    @property
    def share(self) -> float:
        """Of the answers in the window, those that were dead or suspect."""
        return self._bad / len(self._answers) if self._answers else 0.0

    def note(self, *, is_bad: bool) -> bool:
        """Count an answer about an address; True if the fuse blows by it."""
        if len(self._answers) == self._window:
            self._bad -= self._answers[0]
        self._answers.append(is_bad)
        self._bad += is_bad
        if self.is_blown or len(self._answers) < self._window or self.share <= self._share:
            return False
        self.is_blown = True
        return True

    def note_good(self, count: int) -> None:
        """Count so many answers that say nothing against an address."""
        if not self._bad and len(self._answers) == self._window:
            return
        for _ in range(min(count, self._window)):
            self.note(is_bad=False)

    def reset(self) -> None:
        """Count anew: an operator has decided."""
        self._answers.clear()
        self._bad = 0
        self.is_blown = False
