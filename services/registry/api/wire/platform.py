"""Platforms: one table, read both ways."""

from collections.abc import Iterable

from carillon.type.v1 import platform_pb2
from services.registry.api.wire import checks
from services.registry.domain.device import Platform

TO_WIRE = {
    Platform.IOS: platform_pb2.PLATFORM_IOS,
    Platform.ANDROID: platform_pb2.PLATFORM_ANDROID,
    Platform.WEB_CHROME: platform_pb2.PLATFORM_WEB_CHROME,
    Platform.WEB_FIREFOX: platform_pb2.PLATFORM_WEB_FIREFOX,
    Platform.WEB_SAFARI: platform_pb2.PLATFORM_WEB_SAFARI,
    Platform.APPEXT_CHROME: platform_pb2.PLATFORM_APPEXT_CHROME,
}
FROM_WIRE: dict[int, Platform] = {number: platform for platform, number in TO_WIRE.items()}


def parse(field: str, value: int) -> Platform:
    return checks.member(field, value, FROM_WIRE)


def parse_set(field: str, values: Iterable[int]) -> tuple[Platform, ...]:
    """Platforms in their own order, each once."""
    wanted = {parse(field, value) for value in values}
    return tuple(platform for platform in Platform if platform in wanted)
