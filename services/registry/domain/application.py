"""A tenant, and how it treats its callers."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Application:
    app_id: UUID
    display_name: str
    enabled: bool
    create_time: datetime
    update_time: datetime
    old_style: bool = False
    verify_client_secret: bool = True
    clients_list_devices: bool = False
    web_sites_only: bool = False


@dataclass(frozen=True, slots=True)
class ApplicationUpdate:
    """What is to change; None leaves as it is."""

    display_name: str | None = None
    enabled: bool | None = None
    verify_client_secret: bool | None = None
    clients_list_devices: bool | None = None
    web_sites_only: bool | None = None
