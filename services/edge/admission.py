"""Lets callers in: reads what they show, has it judged, and compares it with what a route asks."""

import hmac
import re
from dataclasses import dataclass

from starlette.datastructures import Headers

from services.edge import problems
from services.edge.access import Access, Caller
from services.edge.accounts import Kind, Shown
from services.edge.judging import Judgement, Judging
from services.edge.tokens import Holder, Tokens, Use

GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
MAX_SECRET_BYTES = 1024
SECRET_HEADERS = ((Kind.APP_SECRET, "appSecret"), (Kind.CLIENT_SECRET, "clientSecret"))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The credentials of a call that may be valid, and whether it showed any at all."""

    credentials: list[Shown]
    is_any: bool


class Admission:
    def __init__(self, judging: Judging, tokens: Tokens, operator_key: str) -> None:
        self._judging = judging
        self.tokens = tokens
        self._operator_key = operator_key.encode()

    async def admit(self, access: Access, headers: Headers, app_id: str) -> Caller:
        """What the admitted caller proved to be; whoever is not admitted gets a Problem.

        The order matters to SDKs: first 401 without a credential, then 404 for an unknown
        application, then 401 for a wrong credential.
        """
        if access is Access.OPEN:
            return Caller(0)
        bearer = _read_bearer(headers)
        if access.admits_operator and self._is_operator_key(bearer):
            return Caller.OPERATOR
        evidence = self._read_evidence(headers, bearer, app_id.lower())
        if access is Access.OPERATOR or not (evidence.is_any or access.admits_anyone):
            raise problems.unauthenticated(access.need)
        judgement = await self._judge(app_id, evidence)
        if judgement.rules is None and evidence.is_any:
            raise problems.missing("Application", "applicationId", app_id)
        callers = _widen(judgement)
        if not callers & access.value:
            raise problems.unauthenticated(access.need)
        if judgement.rules and not judgement.rules.enabled:
            raise problems.application_disabled()
        return callers

    async def exchange(self, api_key: str) -> Holder | None:
        """Whom an API key stands for; None if it is not valid."""
        if not _is_sane(api_key):
            return None
        verdict = await self._judging.judge_api_key(api_key)
        if verdict is None:
            return None
        if not verdict.enabled:
            raise problems.application_disabled()
        return Holder(verdict.app_id, verdict.key_id)

    async def confirm(self, holder: Holder) -> bool:
        """Whether the API key that a token stands for is still valid."""
        judgement = await self._judging.judge(holder.app_id, [Shown.of(Kind.KEY_ID, holder.key_id)])
        if judgement.callers and judgement.rules and not judgement.rules.enabled:
            raise problems.application_disabled()
        return bool(judgement.callers)

    def forget(self, app_id: str) -> None:
        """Judge the callers of this application anew: it was changed here."""
        self._judging.forget(app_id)

    async def confirm_all(self) -> None:
        """Ask registry whether what is remembered still holds."""
        await self._judging.confirm()

    async def watch(self) -> None:
        """Keep what is remembered of callers up to date, for ever."""
        await self._judging.watch()

    def _is_operator_key(self, bearer: str) -> bool:
        return hmac.compare_digest(bearer.encode(), self._operator_key)

    def _read_evidence(self, headers: Headers, bearer: str, app_id: str) -> Evidence:
        """An `Authorization` that holds no token of ours does not count: apps attach others."""
        credentials, is_any = [], False
        for kind, header in SECRET_HEADERS:
            secret = headers.get(header, "")
            is_any |= bool(secret)
            if _is_sane(secret):
                credentials.append(Shown.of(kind, secret))
        holder = self.tokens.read(bearer, Use.ACCESS) if bearer else None
        if holder is not None and holder.app_id == app_id:
            credentials.append(Shown.of(Kind.KEY_ID, holder.key_id))
        return Evidence(credentials, is_any or holder is not None)

    async def _judge(self, app_id: str, evidence: Evidence) -> Judgement:
        if not GUID.fullmatch(app_id):
            return Judgement(None, Caller(0))
        return await self._judging.judge(app_id.lower(), evidence.credentials)


def _widen(judgement: Judgement) -> Caller:
    """What was proved, and what the application makes of it."""
    callers, rules = judgement.callers, judgement.rules
    if rules is not None and not rules.verify_client_secret:
        callers |= Caller.ANYONE
    if rules is not None and rules.clients_list_devices and callers & Caller.CLIENT:
        callers |= Caller.LISTING_CLIENT
    return callers


def _read_bearer(headers: Headers) -> str:
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""


def _is_sane(secret: str) -> bool:
    """Whether it could be valid: registry is not asked about what could not."""
    return 0 < len(secret) <= MAX_SECRET_BYTES and secret.isascii() and secret.isprintable()


def read_app_id(text: str) -> str:
    """The GUID in lower case; whatever is none names no application."""
    if not GUID.fullmatch(text):
        raise problems.missing("Application", "applicationId", text)
    return text.lower()
