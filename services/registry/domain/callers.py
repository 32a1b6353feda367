"""Who calls an application: what they show, and what it makes of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

MAX_API_KEYS = 100
MAX_SECRETS = 10


class SecretKind(Enum):
    """Whose secret: the back end's (APP), or that of apps and browsers (CLIENT)."""

    APP = "app"
    CLIENT = "client"


class Role(Enum):
    """What a valid credential makes of whoever shows it."""

    CLIENT = "client"
    BACK_END = "back_end"
    READER = "reader"
    WRITER = "writer"
    MANAGER = "manager"


KEY_ROLES = frozenset({Role.READER, Role.WRITER, Role.MANAGER})
SECRET_ROLES = {SecretKind.APP: Role.BACK_END, SecretKind.CLIENT: Role.CLIENT}


@dataclass(frozen=True, slots=True)
class ApiKey:
    app_id: UUID
    key_id: str
    display_name: str
    role: Role
    create_time: datetime


@dataclass(frozen=True, slots=True)
class ShownSecret:
    app_id: UUID
    kind: SecretKind
    text: str


@dataclass(frozen=True, slots=True)
class ShownKey:
    """An API key itself, or without `text` its id, vouched for by the token that held it."""

    app_id: UUID
    key_id: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ShownNothing:
    """Asks of the application alone: an app that does not verify its clients admits them so."""

    app_id: UUID


Shown = ShownSecret | ShownKey | ShownNothing


@dataclass(frozen=True, slots=True)
class Rules:
    """How an application treats its callers; `version` rises with each change."""

    version: int
    enabled: bool
    verify_client_secret: bool
    clients_list_devices: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rules` is None where there is no application, `role` where the credential is not valid."""

    app_id: UUID | None = None
    rules: Rules | None = None
    role: Role | None = None
    valid_for: timedelta | None = None
    key_id: str = ""
