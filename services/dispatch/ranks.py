"""The order in which a sender begins the parcels that it has in hand: applications by turns.

Parcels are leased in a fair order, but several at once. Whoever begins to send when the hand is
full of another's would wait for all of these.
"""

from uuid import UUID


class Ranks:
    """The lower the rank, the sooner; parcels of one application follow each other."""

    def __init__(self) -> None:
        # The highest that an application was given, as long as it has not been reached.
        self._last: dict[UUID, int] = {}
        # The highest that has begun.
        self._stand = 0

    def give(self, app_id: UUID) -> int:
        """The rank of its next parcel: behind its last one, or next to what comes now."""
        rank = self._last[app_id] = max(self._last.get(app_id, 0), self._stand) + 1
        return rank

    def reach(self, rank: int) -> None:
        """A parcel of this rank has begun, or ended without."""
        if rank > self._stand:
            self._stand = rank
            self._last = {app_id: last for app_id, last in self._last.items() if last > rank}
