"""Faults on demand: which answer a well-formed notification gets, by order or by its address."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MAX_RULES = 100_000
DEFAULT_DELAY = 2.0
DEFAULT_RETRY_AFTER = 2


class Behaviour(StrEnum):
    OK = "ok"
    DEAD = "dead"
    EXPIRED = "expired"
    THROTTLED = "throttled"
    SLOW = "slow"
    ERROR = "error"
    RESET = "reset"
    GOAWAY = "goaway"
    UNAUTHORIZED = "unauthorized"
    SILENT = "silent"
    DEAF = "deaf"
    SETTINGS = "settings"
    HTTP1 = "http1"


# An APNs address is hexadecimal, so it cannot begin with the word itself. Eight digits: a random
# address begins with one of these once in half a thousand million.
HEX_PREFIXES = {
    "deaddead": Behaviour.DEAD,
    "fadefade": Behaviour.EXPIRED,
    "04290429": Behaviour.THROTTLED,
    "510e510e": Behaviour.SLOW,
    "05000500": Behaviour.ERROR,
    "0dd00dd0": Behaviour.RESET,
    "60a860a8": Behaviour.GOAWAY,
    "04030403": Behaviour.UNAUTHORIZED,
    "51e451e4": Behaviour.SILENT,
    "deafdeaf": Behaviour.DEAF,
    "5e775e77": Behaviour.SETTINGS,
    "11011101": Behaviour.HTTP1,
}
HEX_PREFIX_LENGTH = 8
_WORDS = {behaviour.value: behaviour for behaviour in Behaviour}


@dataclass(frozen=True, slots=True)
class Instruction:
    """A behaviour and its particulars; what a behaviour does not need, it ignores."""

    behaviour: Behaviour
    # Seconds, in the header Retry-After of a throttled or failed request.
    retry_after: int | None = None
    # Seconds until a slow answer.
    delay: float = DEFAULT_DELAY
    # Epoch seconds: since when APNs says a dead address is dead; None means now.
    since: float | None = None
    # The status of an error, and the vendor's word for it; None means the gateway's usual ones.
    status: int | None = None
    reason: str | None = None
    # An error comes from a proxy before the gateway: a page, not the vendor's JSON.
    html: bool = False
    # Whose quota of FCM's is used up; None means that it does not say.
    quota: str | None = None
    # HTTP/2's settings by number, as they are from this request on.
    settings: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Rule:
    instruction: Instruction
    # How often it still applies; None means until it is taken back.
    times: int | None = None


OBEY = Instruction(Behaviour.OK)


class TooManyRules(Exception):
    pass


class Behaviours:
    """A rule for one address precedes a rule for a gateway, and both precede the address's name."""

    def __init__(self) -> None:
        self.by_address: dict[str, Rule] = {}
        self.by_gateway: dict[str, Rule] = {}

    def order_address(
        self, address: str, instruction: Instruction, times: int | None = None
    ) -> None:
        if len(self.by_address) >= MAX_RULES and address not in self.by_address:
            raise TooManyRules
        self.by_address[address] = Rule(instruction, times)

    def order_gateway(
        self, gateway: str, instruction: Instruction, times: int | None = None
    ) -> None:
        self.by_gateway[gateway] = Rule(instruction, times)

    def clear(self) -> None:
        self.by_address.clear()
        self.by_gateway.clear()

    def choose(self, gateway: str, address: str) -> Instruction:
        """What to do with the next request; uses up one of a rule's times."""
        ordered = _use(self.by_address, address) or _use(self.by_gateway, gateway)
        return ordered or named(gateway, address)


def _use(rules: dict[str, Rule], key: str) -> Instruction | None:
    rule = rules.get(key)
    if rule is None:
        return None
    if rule.times is not None:
        rule.times -= 1
        if rule.times <= 0:
            del rules[key]
    return rule.instruction


def named(gateway: str, address: str) -> Instruction:
    """What an address asks for by its first letters, such as `dead-1` or `deaddead…`."""
    if gateway == "apns":
        behaviour = HEX_PREFIXES.get(address[:HEX_PREFIX_LENGTH])
    else:
        word, dash, _ = address.partition("-")
        behaviour = _WORDS.get(word) if dash else None
    return Instruction(behaviour) if behaviour else OBEY


def prefix(gateway: str, behaviour: Behaviour) -> str:
    """How an address must begin to be treated so without an order."""
    if gateway != "apns":
        return f"{behaviour}-"
    return next((text for text, named in HEX_PREFIXES.items() if named is behaviour), "")
