"""What callers of the sandbox's API may ask for, and in which bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from services.sandbox.behaviours import DEFAULT_DELAY, Behaviour, Instruction

GATEWAYS = ("apns", "fcm", "webpush")
# Faults can be ordered for the token endpoint too, though nothing ever arrives there.
FAULTY = (*GATEWAYS, "oauth")
DEFAULT_LIMIT = 100
MAX_LIMIT = 100_000
MAX_WAIT_SECONDS = 30.0
MAX_DELAY_SECONDS = 600.0
# For which each gateway has a word of its own.
USUAL_STATUSES = {None, 500, 503}
LEAST_STATUS, MOST_STATUS = 400, 599
QUOTAS = ("project", "device", "topic")
# HTTP/2's numbers for what may change (RFC 9113 §6.5.2), and the least and the most of each.
SETTINGS = {
    "max_concurrent_streams": (0x3, 0, 0xFFFF_FFFF),
    "initial_window_size": (0x4, 0, 0x7FFF_FFFF),
    "max_frame_size": (0x5, 0x4000, 0xFF_FFFF),
}
# What changes where nothing else is said: less than a sender used up to now.
USUAL_SETTINGS = {"max_concurrent_streams": 2, "initial_window_size": 1000}
_REASON = re.compile(r"[A-Za-z0-9_ ]{1,64}")


class Unacceptable(Exception):
    """The request cannot be served; the message says what is wrong with it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class SubscriptionAsked(
    msgspec.Struct, forbid_unknown_fields=True, rename={"server_key": "applicationServerKey"}
):
    server_key: str | None = None
    behaviour: Behaviour = Behaviour.OK


class TokenAsked(msgspec.Struct, forbid_unknown_fields=True):
    gateway: Literal["apns", "fcm"]
    behaviour: Behaviour = Behaviour.OK


class BehaviourAsked(msgspec.Struct, forbid_unknown_fields=True):
    behaviour: Behaviour
    address: str | None = None
    gateway: str | None = None
    times: int | None = None
    retry_after: int | None = None
    delay: float = DEFAULT_DELAY
    since: float | None = None
    status: int | None = None
    reason: str | None = None
    html: bool = False
    quota: str | None = None
    settings: dict[str, int] | None = None

    def check(self) -> None:
        """Raise Unacceptable for what the types alone do not forbid."""
        if (self.address is None) == (self.gateway is None):
            raise Unacceptable("exactly one of address and gateway must be given")
        if self.gateway is not None and self.gateway not in FAULTY:
            raise Unacceptable(f"gateway must be one of {', '.join(FAULTY)}")
        if self.times is not None and self.times < 1:
            raise Unacceptable("times must be at least 1")
        if self.retry_after is not None and self.retry_after < 0:
            raise Unacceptable("retry_after must not be negative")
        if not 0 <= self.delay <= MAX_DELAY_SECONDS:
            raise Unacceptable(f"delay must be 0 to {MAX_DELAY_SECONDS} seconds")
        if self.quota is not None and self.quota not in QUOTAS:
            raise Unacceptable(f"quota must be one of {', '.join(QUOTAS)}")
        if self.quota is not None and self.behaviour is not Behaviour.THROTTLED:
            raise Unacceptable("only what is throttled has a quota")
        self._check_settings()
        self._check_error()

    def _check_settings(self) -> None:
        if self.settings is not None and self.behaviour is not Behaviour.SETTINGS:
            raise Unacceptable("only the behaviour settings has settings")
        for name, value in (self.settings or {}).items():
            if name not in SETTINGS:
                raise Unacceptable(f"settings are of {', '.join(SETTINGS)}")
            _, least, most = SETTINGS[name]
            if not least <= value <= most:
                raise Unacceptable(f"{name} must be {least} to {most}")

    def _check_error(self) -> None:
        if self.status is not None and not LEAST_STATUS <= self.status <= MOST_STATUS:
            raise Unacceptable(f"status must be {LEAST_STATUS} to {MOST_STATUS}")
        if self.html and (self.behaviour is not Behaviour.ERROR or self.reason is not None):
            raise Unacceptable("only an error without a reason is a page")
        if self.html:
            return
        if self.reason is None and self.status not in USUAL_STATUSES:
            raise Unacceptable("a status but 500 and 503 needs a reason")
        if self.reason is None:
            return
        if self.behaviour is not Behaviour.ERROR:
            raise Unacceptable("only an error has a reason")
        if not _REASON.fullmatch(self.reason):
            raise Unacceptable("reason must be at most 64 letters, digits, underscores and spaces")

    def instruction(self) -> Instruction:
        return Instruction(
            behaviour=self.behaviour,
            retry_after=self.retry_after,
            delay=self.delay,
            since=self.since,
            status=self.status,
            reason=self.reason,
            html=self.html,
            quota=self.quota,
            settings=self._number_settings(),
        )

    def _number_settings(self) -> dict[int, int]:
        if self.behaviour is not Behaviour.SETTINGS:
            return {}
        named = USUAL_SETTINGS if self.settings is None else self.settings
        return {SETTINGS[name][0]: value for name, value in named.items()}


def name_settings(settings: Mapping[int, int]) -> dict[str, int]:
    return {name: settings[number] for name, (number, *_) in SETTINGS.items() if number in settings}


class ProtocolsAsked(msgspec.Struct, forbid_unknown_fields=True):
    protocols: list[Literal["h2", "http/1.1"]]

    def check(self) -> None:
        if not self.protocols or len(set(self.protocols)) < len(self.protocols):
            raise Unacceptable("protocols must name h2, http/1.1, or both")


@dataclass(frozen=True, slots=True)
class PageAsked:
    gateway: str | None
    address: str | None
    after: int
    limit: int
    # Seconds to wait for something to show; 0 means not to wait.
    wait: float


def read_page(query: Mapping[str, str]) -> PageAsked:
    gateway = query.get("gateway")
    if gateway is not None and gateway not in GATEWAYS:
        raise Unacceptable(f"gateway must be one of {', '.join(GATEWAYS)}")
    return PageAsked(
        gateway=gateway,
        address=query.get("address"),
        after=int(_number(query, "after", 0, (1 << 63) - 1)),
        limit=int(_number(query, "limit", DEFAULT_LIMIT, MAX_LIMIT)),
        wait=_number(query, "wait", 0, MAX_WAIT_SECONDS),
    )


def _number(query: Mapping[str, str], name: str, default: float, most: float) -> float:
    text = query.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    # Written so that a NaN is refused too.
    if not 0 <= number <= most:
        raise Unacceptable(f"{name} must be a number from 0 to {most:g}")
    return number
