"""How outcomes are packed: ascending uids as delta-varints, and one byte for how each ended.

A segment of 250 uids that all ended alike takes about 260 bytes with close uids, instead of a row
each.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Outcome, Result

MAX_KINDS = 256
# Beyond so many kinds, reasons are dropped; an outcome never is.
MAX_REASONS = MAX_KINDS - len(Outcome)
SEVEN_BITS = 0x7F
MORE = 0x80
OVERFLOW_REASON = "Other"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to end, and how many ended so."""

    outcome: Outcome
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Results of one platform, packed. `codes` is empty when all ended like `kinds[0]`."""

    platform: Platform
    first_uid: int
    last_uid: int
    uids: bytes
    codes: bytes
    kinds: tuple[Kind, ...]


def pack(results: Sequence[Result]) -> list[Segment]:
    """The segments for these results: one per platform."""
    by_platform: dict[Platform, list[Result]] = {}
    for result in results:
        by_platform.setdefault(result.platform, []).append(result)
    return [_pack_platform(platform, part) for platform, part in sorted(by_platform.items())]


def _pack_platform(platform: Platform, results: list[Result]) -> Segment:
    results.sort(key=lambda result: result.uid)
    numbers: dict[tuple[Outcome, str], int] = {}
    counts: list[int] = []
    codes = bytearray()
    for result in results:
        way = (result.outcome, result.reason)
        if way not in numbers and len(numbers) >= MAX_REASONS:
            way = (result.outcome, OVERFLOW_REASON)
        number = numbers.setdefault(way, len(numbers))
        if number == len(counts):
            counts.append(0)
        counts[number] += 1
        codes.append(number)
    kinds = tuple(
        Kind(outcome, reason, count)
        for (outcome, reason), count in zip(numbers, counts, strict=True)
    )
    return Segment(
        platform=platform,
        first_uid=results[0].uid,
        last_uid=results[-1].uid,
        uids=pack_uids(result.uid for result in results),
        codes=bytes(codes) if len(kinds) > 1 else b"",
        kinds=kinds,
    )


def unpack(segment: Segment) -> Iterator[Result]:
    """The results in a segment, by uid."""
    for position, uid in enumerate(unpack_uids(segment.uids)):
        kind = segment.kinds[segment.codes[position] if segment.codes else 0]
        yield Result(uid, segment.platform, kind.outcome, kind.reason)


def pack_uids(uids: Iterable[int]) -> bytes:
    """Ascending, distinct, positive uids as the varints of their differences (LEB128)."""
    packed = bytearray()
    previous = 0
    for uid in uids:
        rest = uid - previous
        previous = uid
        while rest > SEVEN_BITS:
            packed.append(rest & SEVEN_BITS | MORE)
            rest >>= 7
        packed.append(rest)
    return bytes(packed)


def unpack_uids(packed: bytes) -> Iterator[int]:
    uid = shift = delta = 0
    for byte in packed:
        delta |= (byte & SEVEN_BITS) << shift
        if byte & MORE:
            shift += 7
            continue
        uid += delta
        yield uid
        shift = delta = 0
