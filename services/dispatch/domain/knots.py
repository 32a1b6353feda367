"""How the stretch that spans a number is found among many, without looking at the others.

Each stretch stands under its knot: the roundest number in it, the one with most zeros at its end in
binary. However long the axis, a number is spanned only by stretches under 63 different knots, its
own roundest neighbours (an interval tree that needs no tree: Kriegel, Pötke and Seidl, 2000).
"""

LEVELS = 63


def find_knot(first: int, last: int) -> int:
    """The roundest of the numbers from `first` to `last`, which are above 0."""
    level = ((first - 1) ^ last).bit_length() - 1
    return last >> level << level


def list_knots(number: int) -> list[int]:
    """Every knot under which a stretch that spans `number` can stand."""
    own = (number & -number).bit_length() - 1
    return [(number >> level | 1) << level for level in range(own, LEVELS)]
