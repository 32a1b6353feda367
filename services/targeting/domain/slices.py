"""Stretches of the uid axis: a target is cut into them, and resolved within them."""

from dataclasses import dataclass

from services.targeting.domain.platforms import Platform

MAX_UID = 2**63 - 1
# A slice that has outgrown this is resolved in parts.
MAX_RESOLVED = 2000


@dataclass(frozen=True, slots=True)
class Slice:
    """after_uid < uid <= through_uid, of one platform; None is every platform."""

    platform: Platform | None
    after_uid: int
    through_uid: int
    expected_count: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """Some slices of a target, and where to go on after them."""

    slices: tuple[Slice, ...]
    resume_token: str


@dataclass(frozen=True, slots=True)
class Rest:
    """What a slice holds beyond MAX_RESOLVED begins after this uid."""

    after_uid: int
