"""Creates, reads, changes and deletes applications."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from carillon.registry.v1 import application_service_pb2 as pb
from carillon.registry.v1 import application_service_pb2_grpc as rpc
from services.kit import paging
from services.kit.vault import Vault
from services.registry.api.wire import access as access_wire
from services.registry.api.wire import application as wire
from services.registry.domain.application import Application
from services.registry.domain.callers import ApiKey, Role, SecretKind
from services.registry.domain.secrets import (
    Judge,
    StoredSecret,
    new_api_key,
    new_key_id,
    new_secret,
)
from services.registry.domain.vapid import new_pair
from services.registry.store import access, applications, gateways

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]

LIST = ("applications",)
# The display name of the API key that an application has from its creation.
FIRST_KEY = "first"


class ApplicationServicer(rpc.ApplicationServiceServicer):
    """`deleted` is called after each deletion: what is left behind can be swept."""

    def __init__(
        self,
        db: AsyncEngine,
        clock: Callable[[], datetime],
        judge: Judge,
        vault: Vault,
        deleted: Callable[[], None],
    ) -> None:
        self._db = db
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._judge = judge
        self._vault = vault
        self._deleted = deleted

    async def CreateApplication(
        self, request: pb.CreateApplicationRequest, _context: Context
    ) -> pb.CreateApplicationResponse:
        now = self._clock()
        application = Application(
            app_id=wire.parse_new_app_id(request.app_id),
            display_name=wire.parse_display_name("display_name", request.display_name),
            enabled=request.enabled if request.HasField("enabled") else True,
            create_time=now,
            update_time=now,
            old_style=request.old_style,
            verify_client_secret=not request.old_style,
        )
        app_id = application.app_id
        async with self._db.begin() as tx:
            await applications.create(tx, application)
            secrets = {kind: await self._issue(tx, app_id, kind, now) for kind in SecretKind}
            key, key_text = await self._issue_key(tx, app_id, now)
            await gateways.add_vapid_pair(tx, self._vault, app_id, new_pair(), now)
        log.info("application.created", app_id=str(app_id))
        return pb.CreateApplicationResponse(
            application=wire.show(application),
            app_secret=secrets[SecretKind.APP],
            client_secret=secrets[SecretKind.CLIENT],
            api_key=access_wire.show_key(key),
            api_key_secret=key_text,
        )

    async def _issue(
        self, tx: AsyncConnection, app_id: UUID, kind: SecretKind, now: datetime
    ) -> str:
        secret = new_secret()
        kept = StoredSecret(kind, self._judge.digest(app_id, kind, secret))
        await access.add_secret(tx, app_id, kept, now)
        return secret

    async def _issue_key(
        self, tx: AsyncConnection, app_id: UUID, now: datetime
    ) -> tuple[ApiKey, str]:
        key = ApiKey(app_id, new_key_id(), FIRST_KEY, Role.MANAGER, now)
        text = new_api_key(app_id, key.key_id)
        await access.add_key(tx, key, self._judge.digest_key(app_id, text))
        return key, text

    async def GetApplication(
        self, request: pb.GetApplicationRequest, _context: Context
    ) -> pb.GetApplicationResponse:
        app_id = wire.parse_app_id(request.app_id)
        async with self._reads.connect() as tx:
            application = await applications.find(tx, app_id)
        return pb.GetApplicationResponse(application=wire.show(application))

    async def ListApplications(
        self, request: pb.ListApplicationsRequest, _context: Context
    ) -> pb.ListApplicationsResponse:
        size = paging.read_size(request.page_size)
        position = paging.read_token(request.page_token, LIST, tuple[UUID])
        after = position[0] if position else None
        async with self._reads.connect() as tx:
            found = await applications.page(tx, after, size + 1)
        token = paging.write_token(LIST, [found[size - 1].app_id]) if len(found) > size else ""
        return pb.ListApplicationsResponse(
            applications=[wire.show(application) for application in found[:size]],
            next_page_token=token,
        )

    async def UpdateApplication(
        self, request: pb.UpdateApplicationRequest, _context: Context
    ) -> pb.UpdateApplicationResponse:
        app_id, changed = wire.parse_update(request)
        async with self._db.begin() as tx:
            application = await applications.update(tx, app_id, changed, self._clock())
        log.info("application.updated", app_id=str(app_id), enabled=application.enabled)
        return pb.UpdateApplicationResponse(application=wire.show(application))

    async def DeleteApplication(
        self, request: pb.DeleteApplicationRequest, _context: Context
    ) -> pb.DeleteApplicationResponse:
        app_id = wire.parse_app_id(request.app_id)
        async with self._db.begin() as tx:
            await applications.delete(tx, app_id, self._clock())
        self._deleted()
        log.info("application.deleted", app_id=str(app_id))
        return pb.DeleteApplicationResponse()
