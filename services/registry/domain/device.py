"""Installations of an app, and the addresses at which their gateways know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from hashlib import sha256
from uuid import UUID

from msgspec import Struct, structs


class Platform(Enum):
    """What a device rings by, in the order in which slices are cut."""

    IOS = "ios"
    ANDROID = "android"
    WEB_CHROME = "web_chrome"
    WEB_FIREFOX = "web_firefox"
    WEB_SAFARI = "web_safari"
    APPEXT_CHROME = "appext_chrome"


class State(Enum):
    """Whether a device can be reached."""

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    DEAD = "dead"


# A device's application, as a number, and its id: compared and hashed without a line of Python.
Key = tuple[int, str]


# Structs, not dataclasses: one of each is made for every registration.
class Registration(Struct, frozen=True):
    """A client vouches for an address. Empty variables and user agent mean: as on record."""

    app_id: UUID
    device_id: str
    platform: Platform
    address: str
    user_id: str | None = None
    variables: Mapping[str, str] = {}
    user_agent: str = ""
    address_digest: bytes = b""

    def __post_init__(self) -> None:
        # Once: it is written with the address, and looked for after that.
        structs.force_setattr(self, "address_digest", digest_address(self.address))

    def __repr__(self) -> str:
        return f"Registration(device_id={self.device_id!r}, platform={self.platform})"

    @property
    def key(self) -> Key:
        return self.app_id.int, self.device_id

    def after(self, earlier: "Registration | None") -> "Registration":
        """What the two of one device amount to when this one came last."""
        if earlier is None or earlier.platform is not self.platform:
            return self
        return structs.replace(
            self,
            variables=self.variables or earlier.variables,
            user_agent=self.user_agent or earlier.user_agent,
        )


class Device(Struct, frozen=True):
    uid: int
    device_id: str
    platform: Platform
    address: str
    user_id: str | None
    variables: Mapping[str, str]
    user_agent: str
    state: State
    address_time: datetime
    create_time: datetime
    update_time: datetime

    def __repr__(self) -> str:
        return f"Device(uid={self.uid}, device_id={self.device_id!r}, state={self.state})"


@dataclass(frozen=True, slots=True)
class DeviceUpdate:
    """What is to change: None leaves as it is, an empty user id takes the device from its user.

    `platform` only vouches that it is the one on record.
    """

    app_id: UUID
    device_id: str
    address: str | None = field(default=None, repr=False)
    user_id: str | None = None
    variables: Mapping[str, str] | None = field(default=None, repr=False)
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Who a uid is, or was: a tombstone has neither user nor state."""

    uid: int
    device_id: str
    platform: Platform
    user_id: str | None
    state: State | None


@dataclass(frozen=True, slots=True)
class ByUids:
    uids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ByDeviceIds:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByUser:
    user_id: str


# By what devices are to be identified.
Question = ByUids | ByDeviceIds | ByUser


class Environment(Enum):
    """Apple's two worlds: an address of the one is unknown in the other."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


# What a gateway's answer says of an address: the state it deserves, or where it is at home.
Finding = State | Environment


@dataclass(frozen=True, slots=True)
class AddressReport:
    """A gateway's word about an address."""

    app_id: UUID
    uid: int
    address_digest: bytes
    found_time: datetime
    finding: Finding


@dataclass(frozen=True, slots=True)
class DeviceQuery:
    """Which devices to list. No platforms means all of them."""

    app_id: UUID
    platforms: tuple[Platform, ...] = ()
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many devices of a platform registered for the first time on a day, by UTC."""

    day: date
    platform: Platform
    count: int


def digest_address(address: str) -> bytes:
    return sha256(address.encode()).digest()
