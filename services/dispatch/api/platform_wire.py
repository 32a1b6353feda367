"""Platforms: one table, read both ways."""

from carillon.type.v1 import platform_pb2
from services.dispatch.domain.messages import Platform

PLATFORM_TO_WIRE = {
    Platform.MIXED: platform_pb2.PLATFORM_UNSPECIFIED,
    Platform.IOS: platform_pb2.PLATFORM_IOS,
    Platform.ANDROID: platform_pb2.PLATFORM_ANDROID,
    Platform.WEB_CHROME: platform_pb2.PLATFORM_WEB_CHROME,
    Platform.WEB_FIREFOX: platform_pb2.PLATFORM_WEB_FIREFOX,
    Platform.WEB_SAFARI: platform_pb2.PLATFORM_WEB_SAFARI,
    Platform.APPEXT_CHROME: platform_pb2.PLATFORM_APPEXT_CHROME,
}
PLATFORM_FROM_WIRE: dict[int, Platform] = {
    number: platform for platform, number in PLATFORM_TO_WIRE.items()
}
