"""Puts push packages together: the website as configured, its icons or ours, and a fresh token."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.kit.vault import Vault
from services.registry.domain.faults import GatewayNotConfigured
from services.registry.domain.gateway import GatewayKind, SafariSettings
from services.registry.domain.website import ICONS, PackageOrder, WebsiteTokens, build_package
from services.registry.store import gateways


@dataclass(frozen=True, slots=True)
class Asked:
    app_id: UUID
    website_push_id: str
    web_service_url: str
    device_id: str
    version: int


class Packaging:
    def __init__(self, db: AsyncEngine, vault: Vault, tokens: WebsiteTokens) -> None:
        self._db = db
        self._vault = vault
        self._tokens = tokens

    async def build(self, asked: Asked) -> bytes:
        """The package for whoever asks.

        Raises:
            ApplicationNotFound: if there is no such application.
            GatewayNotConfigured: if it has no such website.
        """
        site, icons = await self._read(asked)
        token = self._tokens.make(asked.app_id, asked.website_push_id, asked.device_id)
        order = PackageOrder(asked.web_service_url, token, asked.version)
        # Signing takes a millisecond or more; others need not wait for it.
        return await asyncio.to_thread(build_package, site, {**list_icons(), **icons}, order)

    async def _read(self, asked: Asked) -> tuple[SafariSettings, Mapping[str, bytes]]:
        kind = GatewayKind.WEB_SAFARI
        async with self._db.connect() as tx:
            site = (await gateways.read(tx, self._vault, asked.app_id, kind)).settings
            icons = await gateways.read_icons(tx, asked.app_id)
        if not isinstance(site, SafariSettings) or site.website_push_id != asked.website_push_id:
            raise GatewayNotConfigured(kind)
        return site, icons


@cache
def list_icons() -> Mapping[str, bytes]:
    """The bell, in every size."""
    folder = resources.files("services.registry") / "icons"
    return {name: (folder / f"{name}.png").read_bytes() for name in ICONS}
