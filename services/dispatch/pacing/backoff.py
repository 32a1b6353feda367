"""How long to wait before trying again: with full jitter, so that nobody comes back in step."""

from collections.abc import Callable

FIRST_SECONDS = 10.0
HIGHEST_SECONDS = 900.0

# A number from the first to the second, as random.uniform gives it.
Uniform = Callable[[float, float], float]


def retry_seconds(attempt: int, uniform: Uniform) -> float:
    """For one recipient, up to a ceiling that doubles with each attempt.

    Below ten seconds no gateway wants to be asked again.
    """
    ceiling = min(FIRST_SECONDS * 2.0 ** min(attempt, 32), HIGHEST_SECONDS)
    return uniform(FIRST_SECONDS, 2 * ceiling)


def shorten(wait: float, left: float) -> float:
    """A wait that nobody demands, so short that the message lives to be tried again."""
    return min(wait, max(left / 2, FIRST_SECONDS))


def closed_seconds(failures: int, first: float, highest: float, uniform: Uniform) -> float:
    """For a whole credential, until its next probe: never so soon that the probes are the load."""
    ceiling = min(first * 2.0 ** min(failures, 32), highest)
    return uniform(first / 2, ceiling)
