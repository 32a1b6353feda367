"""Which of our languages a caller would rather read, by `Accept-Language`."""

from collections.abc import Collection
from functools import lru_cache

ENGLISH = "en"
MAX_LENGTH = 1000


@lru_cache(maxsize=256)
def choose(header: str, offered: Collection[str]) -> str:
    """The language with the highest weight among those offered; English where none is wanted.

    A region counts for its language: who asks for `de-AT` reads `de`.
    """
    wanted: dict[str, float] = {}
    for part in header[:MAX_LENGTH].split(","):
        language, weight = _read(part)
        # The first of equals is preferred, and of one language's regions the best counts.
        wanted[language] = max(weight, wanted.get(language, 0.0))
    anything = wanted.pop("*", 0.0)
    known = {language: weight for language, weight in wanted.items() if language in offered}
    best = max(known, key=lambda language: known[language], default=ENGLISH)
    return best if known.get(best, 0.0) > 0 and known[best] >= anything else ENGLISH


def _read(part: str) -> tuple[str, float]:
    tag, _, parameters = part.partition(";")
    language = tag.strip().partition("-")[0].lower()
    name, _, value = parameters.replace(" ", "").partition("=")
    if name.lower() != "q":
        return language, 1.0
    try:
        weight = float(value)
    except ValueError:
        return language, 0.0
    return language, weight if 0 <= weight <= 1 else 0.0
