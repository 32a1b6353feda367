"""Keeps the secrets and API keys of applications, and judges what callers show."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from carillon.registry.v1 import access_service_pb2 as pb
from carillon.registry.v1 import access_service_pb2_grpc as rpc
from services.registry.api.wire import access as wire
from services.registry.api.wire import application
from services.registry.api.wire.checks import timestamp
from services.registry.domain.callers import MAX_API_KEYS, ApiKey, Verdict
from services.registry.domain.faults import ApiKeysExhausted
from services.registry.domain.secrets import (
    Judge,
    StoredSecret,
    new_api_key,
    new_key_id,
    new_secret,
)
from services.registry.judging import Judging
from services.registry.store import access, applications

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]


class AccessServicer(rpc.AccessServiceServicer):
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime], judge: Judge) -> None:
        self._db = db
        self._reads = db.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._judge = judge
        self._judging = Judging(db, clock, judge)

    async def RotateSecret(
        self, request: pb.RotateSecretRequest, _context: Context
    ) -> pb.RotateSecretResponse:
        app_id, kind, overlap = wire.parse_rotation(request)
        now, secret = self._clock(), new_secret()
        kept = StoredSecret(kind, self._judge.digest(app_id, kind, secret))
        async with self._db.begin() as tx:
            await access.touch(tx, app_id)
            await access.retire_secrets(tx, app_id, kind, now + overlap, now)
            await access.add_secret(tx, app_id, kept, now)
        log.info(
            "key.rotated", app_id=str(app_id), kind=kind.value, overlap=overlap.total_seconds()
        )
        return pb.RotateSecretResponse(secret=secret, overlap_end_time=timestamp(now + overlap))

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, _context: Context
    ) -> pb.CreateApiKeyResponse:
        app_id, display_name, role = wire.parse_new_key(request)
        key = ApiKey(app_id, new_key_id(), display_name, role, self._clock())
        text = new_api_key(app_id, key.key_id)
        async with self._db.begin() as tx:
            await access.touch(tx, app_id)
            if await access.count_keys(tx, app_id) >= MAX_API_KEYS:
                raise ApiKeysExhausted(MAX_API_KEYS)
            await access.add_key(tx, key, self._judge.digest_key(app_id, text))
        log.info("key.created", app_id=str(app_id), key_id=key.key_id, role=role.value)
        return pb.CreateApiKeyResponse(api_key=wire.show_key(key), secret=text)

    async def ListApiKeys(
        self, request: pb.ListApiKeysRequest, _context: Context
    ) -> pb.ListApiKeysResponse:
        app_id = application.parse_app_id(request.app_id)
        async with self._reads.connect() as tx:
            await applications.find(tx, app_id)
            keys = await access.list_keys(tx, app_id)
        return pb.ListApiKeysResponse(api_keys=[wire.show_key(key) for key in keys])

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, _context: Context
    ) -> pb.RevokeApiKeyResponse:
        app_id = application.parse_app_id(request.app_id)
        key_id = wire.parse_key_id(request.key_id)
        async with self._db.begin() as tx:
            await access.touch(tx, app_id)
            await access.revoke_key(tx, app_id, key_id)
        log.info("key.revoked", app_id=str(app_id), key_id=key_id)
        return pb.RevokeApiKeyResponse()

    async def AuthenticateCallers(
        self, request: pb.AuthenticateCallersRequest, _context: Context
    ) -> pb.AuthenticateCallersResponse:
        shown = wire.parse_shown(request)
        judged = iter(await self._judging.judge([one for one in shown if one is not None]))
        verdicts = [Verdict() if one is None else next(judged) for one in shown]
        return pb.AuthenticateCallersResponse(
            verdicts=[wire.show_verdict(verdict) for verdict in verdicts]
        )

    async def ListAccessVersions(
        self, request: pb.ListAccessVersionsRequest, _context: Context
    ) -> pb.ListAccessVersionsResponse:
        app_ids = wire.parse_app_ids(request)
        async with self._reads.connect() as tx:
            found = await access.versions(tx, app_ids)
        return pb.ListAccessVersionsResponse(
            versions={str(app_id): version for app_id, version in found.items()}
        )
