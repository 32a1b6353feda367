"""What every imitated gateway is: it examines a request, and words its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.sandbox.behaviours import DEFAULT_RETRY_AFTER, Behaviour, Instruction
from services.sandbox.exchange import Request, Response


@dataclass(frozen=True, slots=True)
class Notification:
    """What a request means to deliver, as far as it could be read."""

    address: str = ""
    # The headers that a person would ask about; never a credential.
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: object = None
    # False for a rehearsal that asks for checks only.
    delivered: bool = True


class Refused(Exception):
    """The gateway does not take the request. `reason` is the vendor's own word for it."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str = "",
        *,
        field: str = "",
        since: float | None = None,
        retry_after: int | None = None,
        quota: str | None = None,
        is_page: bool = False,
    ) -> None:
        super().__init__(f"{status} {reason} {message}".rstrip())
        self.status = status
        self.reason = reason
        self.message = message
        # Which part of the request is to blame, where the vendor tells.
        self.field = field
        # Epoch seconds: since when the address is dead, where the vendor tells.
        self.since = since
        self.retry_after = retry_after
        # Whose quota is used up, where the vendor tells.
        self.quota = quota
        # Whether it is not the vendor who says so, but a proxy on the way to it.
        self.is_page = is_page

    def retry_header(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}


# The vendor's form of each fault on demand: status, reason, message. Under a status stands what is
# answered if that status was asked for, under None the usual form.
Faults = Mapping[tuple[Behaviour, int | None], tuple[int, str, str]]


class Gateway(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def faults(self) -> Faults: ...

    def examine(self, request: Request, now: datetime) -> Notification:
        """Check what the vendor would check; raise Refused for what the vendor would refuse."""

    def glimpse(self, request: Request) -> Notification:
        """Read what can be read of a request that was refused; never raise."""

    def accept(self, request: Request, notification: Notification) -> Response: ...

    def refuse(self, request: Request, refused: Refused) -> Response: ...


def find_fault(faults: Faults, instruction: Instruction, now: datetime) -> Refused | None:
    """The refusal that was ordered; None if the behaviour is no refusal."""
    behaviour, retry_after = instruction.behaviour, instruction.retry_after
    usual = faults.get((behaviour, None))
    if usual is None:
        return None
    status, reason, message = faults.get((behaviour, instruction.status), usual)
    if instruction.html:
        status, reason = instruction.status or status, "page"
    if instruction.reason is not None:
        status, reason = instruction.status or status, instruction.reason
        message = reason
    if behaviour is Behaviour.THROTTLED and retry_after is None:
        retry_after = DEFAULT_RETRY_AFTER
    since = now.timestamp() if instruction.since is None else instruction.since
    return Refused(
        status,
        reason,
        message,
        since=since,
        retry_after=retry_after,
        quota=instruction.quota,
        is_page=instruction.html,
    )
