"""What a device rings by."""

from enum import Enum, unique


@unique
class Platform(Enum):
    """The order of definition is the order in which slices are cut."""

    IOS = "IOS"
    ANDROID = "ANDROID"
    WEB_CHROME = "WEB_CHROME"
    WEB_FIREFOX = "WEB_FIREFOX"
    WEB_SAFARI = "WEB_SAFARI"
    APPEXT_CHROME = "APPEXT_CHROME"


PLATFORMS = tuple(Platform)
