"""What is remembered of applications and their callers, and for how long it is believed.

Nothing here grows with the audience: an application has at most 120 valid credentials at a time.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from math import inf

from services.edge.access import Caller

MAX_ACCOUNTS = 10_000
MAX_REFUSALS = 10_000
REFUSAL_SECONDS = 2.0
# An application nobody has called for so long is not kept up to date any more.
IDLE_SECONDS = 60.0


class Kind(Enum):
    """How a credential is shown; named as registry's Credential has it."""

    APP_SECRET = "app_secret"  # noqa: S105  a name
    CLIENT_SECRET = "client_secret"  # noqa: S105  a name
    # The id of an API key, in a token whose signature was verified.
    KEY_ID = "key_id"
    API_KEY = "api_key"
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One credential of a caller. It is told from others by its digest, never by its text."""

    kind: Kind
    digest: bytes
    text: str = field(repr=False, compare=False)

    @classmethod
    def of(cls, kind: Kind, text: str) -> "Shown":
        return cls(kind, sha256(text.encode()).digest(), text)


NOTHING = Shown(Kind.NOTHING, b"", "")


@dataclass(frozen=True, slots=True)
class Rules:
    """How an application treats its callers; `version` rises with each change of access."""

    version: int
    enabled: bool
    verify_client_secret: bool
    clients_list_devices: bool


@dataclass(slots=True)
class Account:
    """An application as registry knew it at `confirmed`, and those of its credentials we met."""

    rules: Rules
    confirmed: float
    used: float
    valid: dict[Shown, tuple[Caller, float]] = field(default_factory=dict)

    def recall(self, shown: Shown, now: float) -> Caller | None:
        caller, ends = self.valid.get(shown, (None, inf))
        return caller if now < ends else None


class Accounts:
    """Believed for `seconds` after registry last confirmed them; the least used makes room."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[str, Account] = OrderedDict()

    def get(self, app_id: str) -> Account | None:
        account, now = self._kept.get(app_id), self._clock()
        if account is None or now >= account.confirmed + self._seconds:
            return None
        account.used = now
        self._kept.move_to_end(app_id)
        return account

    def learn(self, app_id: str, rules: Rules, asked: float) -> Account:
        """The account under these rules, which registry told when it was asked at `asked`.

        Answers may overtake each other: one of an older version is not kept.
        """
        account = self._kept.get(app_id)
        if account is None or account.rules.version < rules.version:
            account = self._kept[app_id] = Account(rules, asked, self._clock())
            self._kept.move_to_end(app_id)
            if len(self._kept) > MAX_ACCOUNTS:
                self._kept.popitem(last=False)
        elif account.rules.version > rules.version:
            return Account(rules, asked, asked)
        account.confirmed = max(account.confirmed, asked)
        return account

    def in_use(self) -> list[str]:
        """Those worth confirming; the others are forgotten."""
        oldest = self._clock() - IDLE_SECONDS
        while self._kept and next(iter(self._kept.values())).used < oldest:
            self._kept.popitem(last=False)
        return list(self._kept)

    def confirm(self, app_id: str, version: int | None, asked: float) -> None:
        """Registry says that this is the version now, or with None that there is none."""
        account = self._kept.get(app_id)
        if account is None:
            return
        if version == account.rules.version:
            account.confirmed = max(account.confirmed, asked)
        elif version is None or version > account.rules.version:
            del self._kept[app_id]

    def forget(self, app_id: str) -> None:
        self._kept.pop(app_id, None)


class Refusals:
    """What was refused in the last seconds: a storm of one wrong credential asks nobody."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, float] = OrderedDict()

    def add(self, key: Hashable) -> None:
        self._kept[key] = self._clock() + REFUSAL_SECONDS
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_REFUSALS:
            self._kept.popitem(last=False)

    def __contains__(self, key: Hashable) -> bool:
        ends = self._kept.get(key)
        if ends is None:
            return False
        if ends <= self._clock():
            del self._kept[key]
            return False
        return True

    def forget(self, key: Hashable) -> None:
        self._kept.pop(key, None)
