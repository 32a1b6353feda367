"""Who may call what: secrets are judged by registry, and a good verdict is remembered briefly."""

import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from operator import or_

import grpc
from starlette.datastructures import Headers

from carillon.registry.v1 import application_service_pb2 as pb
from carillon.registry.v1.application_pb2 import CallerRole
from services.edge import problems
from services.edge.access import Access, Caller
from services.edge.rooms import Rooms
from services.kit.client import read_fault

GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
MAX_SECRET_BYTES = 1024
MAX_VERDICTS = 10_000

ROLES = {
    CallerRole.CALLER_ROLE_CLIENT: Caller.CLIENT,
    CallerRole.CALLER_ROLE_BACK_END: Caller.BACK_END,
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a caller showed. Any `Authorization` is left aside: apps attach unrelated ones."""

    app_secret: str
    client_secret: str

    @classmethod
    def of(cls, headers: Headers) -> "Credentials":
        return cls(headers.get("appSecret", ""), headers.get("clientSecret", ""))

    def __bool__(self) -> bool:
        return bool(self.app_secret or self.client_secret)

    def digest(self) -> bytes:
        return sha256(f"{self.app_secret}\0{self.client_secret}".encode()).digest()

    def without_oversized(self) -> "Credentials":
        return Credentials(
            *(
                secret if len(secret.encode()) <= MAX_SECRET_BYTES else ""
                for secret in (self.app_secret, self.client_secret)
            )
        )


class Verdicts:
    """Good verdicts of the last seconds; the least recently used one makes room."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[tuple[str, bytes], tuple[float, Caller]] = OrderedDict()

    def get(self, app_id: str, digest: bytes) -> Caller | None:
        key = (app_id, digest)
        kept = self._kept.get(key)
        if kept is None:
            return None
        ends, callers = kept
        if ends <= self._clock():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return callers

    def put(self, app_id: str, digest: bytes, callers: Caller) -> None:
        self._kept[app_id, digest] = (self._clock() + self._seconds, callers)
        if len(self._kept) > MAX_VERDICTS:
            self._kept.popitem(last=False)

    def forget(self, app_id: str) -> None:
        for key in [key for key in self._kept if key[0] == app_id]:
            del self._kept[key]


class Admission:
    def __init__(self, rooms: Rooms, operator_key: str, verdicts: Verdicts) -> None:
        self._rooms = rooms
        self._operator_key = operator_key.encode()
        self._verdicts = verdicts

    async def admit(self, access: Access, headers: Headers, app_id: str) -> Caller:
        """What the admitted caller proved to be; whoever is not admitted gets a Problem.

        The order matters to SDKs: first 401 without a credential, then 404 for an unknown
        application, then 401 for a wrong credential.
        """
        if access is Access.OPEN:
            return Caller(0)
        if access is Access.OPERATOR:
            self._admit_operator(headers)
            return Caller.OPERATOR
        callers = await self._judge(Credentials.of(headers), app_id, access.need)
        if not callers & access.value:
            raise problems.unauthenticated(access.need)
        return callers

    def forget(self, app_id: str) -> None:
        """Judge the callers of this application anew: it was changed here."""
        self._verdicts.forget(app_id)

    def _admit_operator(self, headers: Headers) -> None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        is_key = hmac.compare_digest(key.strip().encode(), self._operator_key)
        if not is_key or scheme.lower() != "bearer":
            raise problems.unauthenticated(Access.OPERATOR.need)

    async def _judge(self, shown: Credentials, app_id: str, need: str) -> Caller:
        if not shown:
            raise problems.unauthenticated(need)
        app_id = read_app_id(app_id)
        digest = shown.digest()
        callers = self._verdicts.get(app_id, digest)
        if callers is None:
            callers = await self._ask(shown.without_oversized(), app_id, need)
            self._verdicts.put(app_id, digest, callers)
        return callers

    async def _ask(self, shown: Credentials, app_id: str, need: str) -> Caller:
        request = pb.AuthenticateCallerRequest(
            app_id=app_id, app_secret=shown.app_secret, client_secret=shown.client_secret
        )
        try:
            verdict = await self._rooms.applications.AuthenticateCaller(
                request, timeout=self._rooms.timeout
            )
        except grpc.aio.AioRpcError as error:
            if read_fault(error).reason == "CREDENTIALS_INVALID":
                raise problems.unauthenticated(need) from None
            raise
        return reduce(or_, (ROLES[role] for role in verdict.roles), Caller(0))


def read_app_id(text: str) -> str:
    """The GUID in lower case; whatever is none names no application."""
    if not GUID.fullmatch(text):
        raise problems.missing("Application", "applicationId", text)
    return text.lower()
