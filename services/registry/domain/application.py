"""A tenant, and what its callers show."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID


class SecretKind(Enum):
    """Whose secret: the back end's (APP), or that of apps and browsers (CLIENT)."""

    APP = "app"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Application:
    app_id: UUID
    display_name: str
    enabled: bool
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class ApplicationUpdate:
    """What is to change; None leaves as it is."""

    display_name: str | None = None
    enabled: bool | None = None
