"""Failures that are part of a contract, as exceptions that know their reason.

Exception
└── Fault              a reason listed in the room's proto, with facts that are safe to show
    ├── FieldInvalid   one or more fields of the request
    ├── PageTokenInvalid
    └── StoreUnavailable
"""

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar


class Code(Enum):
    """The gRPC codes that faults use. Names are those of grpc.StatusCode."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"


class Fault(Exception):
    """A failure the caller was promised: `reason` stands in the room's ErrorReason.

    Attributes:
        facts: Shown to the caller as metadata; never a secret or an address.
        violations: (field path, what is wrong with it), for BadRequest.
        retry_after: Seconds after which a repeat may succeed, for RetryInfo.
    """

    code: ClassVar[Code]
    reason: ClassVar[str]
    violations: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None

    def __init__(self, message: str, **facts: str) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Mapping[str, str] = facts


class FieldInvalid(Fault):
    """A field is missing, too long or malformed: the description names the limit."""

    code = Code.INVALID_ARGUMENT
    reason = "FIELD_INVALID"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field} {description}", field=field)
        self.violations = ((field, description),)


class PageTokenInvalid(Fault):
    """The token is malformed or belongs to another query."""

    code = Code.INVALID_ARGUMENT
    reason = "PAGE_TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__("page_token is not one that this query gave out")
        self.violations = (("page_token", "is not one that this query gave out"),)


class StoreUnavailable(Fault):
    """The database is away; nothing was done."""

    code = Code.UNAVAILABLE
    reason = "STORE_UNAVAILABLE"
    retry_after = 1.0

    def __init__(self) -> None:
        super().__init__("the database does not answer; repeat after a moment")
