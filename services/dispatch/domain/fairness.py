"""Who comes first among applications that wait: start-time fair queueing (Goyal, Vin, Cheng 1996).

Each application has a stretch of road before it in each lane. A parcel gets its place on it when
it is queued: where the application's last one ends, or where the lane stands now, whichever is
further. It takes as much road as it has recipients, less for who weighs more. Whoever stands
foremost is sent first, and the lane is where the foremost was that anybody took.

Between two applications that both wait, what was sent of each by weight differs by a parcel of each
at most. Who was idle begins where the lane stands: he is neither paid for it nor made to pay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DEFAULT_WEIGHT = 10
MAX_WEIGHT = 1000
# Road that one recipient takes at weight 1.
ROAD = 10_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """The road that an application was given for some parcels."""

    start: int
    length: int


def measure(size: int, weight: int) -> int:
    """How much road so many recipients take."""
    return max(size * ROAD // weight, 1)


def begin(finish: int, now: int) -> int:
    """Where an application's next parcel stands whose last one ends at `finish`."""
    return max(finish, now)


def divide(stretch: Stretch, sizes: Sequence[int]) -> Iterator[int]:
    """The places of parcels of these sizes, one after the other on their stretch."""
    whole, before = sum(sizes), 0
    for size in sizes:
        yield stretch.start + stretch.length * before // whole
        before += size
