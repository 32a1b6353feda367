"""Whom somebody wants to reach, in the words of who asks."""

from dataclasses import dataclass
from typing import TypeAlias

from services.targeting.domain.expressions import Expression
from services.targeting.domain.platforms import Platform
from services.targeting.domain.tags import PUSH_ALL


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every reachable device that has not opted out of broadcasts."""


@dataclass(frozen=True, slots=True)
class OfPlatforms:
    """Devices of these platforms that have not opted out of broadcasts."""

    platforms: tuple[Platform, ...]


@dataclass(frozen=True, slots=True)
class OfTags:
    """Devices subscribed to at least one of these tags."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfUsers:
    """All devices of these users."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfDevices:
    """These devices, by the identifier that the client chose."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfExpression:
    """Devices of which the expression is true."""

    expression: Expression


Target: TypeAlias = Everyone | OfPlatforms | OfTags | OfUsers | OfDevices | OfExpression
# What registry can tell without us.
Audience: TypeAlias = Everyone | OfUsers | OfDevices


def meaning(target: Target) -> Target:
    """The target as it is resolved: whoever is subscribed to `Push.ALL` is everyone."""
    if isinstance(target, OfTags) and PUSH_ALL in target.names:
        return Everyone()
    return target
