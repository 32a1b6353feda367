"""Asks registry about callers: once for many, and no more once it has said.

A verdict is believed as long as registry goes on confirming the version of the application that
it was given under, which is asked of all of them once a second. Where registry does not answer,
nothing is believed for longer than AUTH_CACHE_SECONDS: then callers are told to come back (503),
because a secret that was revoked must not outlive its revocation by the length of an outage.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import inf
from operator import or_

import grpc
import structlog

from carillon.registry.v1 import access_service_pb2 as pb
from carillon.registry.v1.access_pb2 import CallerRole, Credential, Verdict
from services.edge.access import Caller
from services.edge.accounts import NOTHING, Accounts, Kind, Refusals, Rules, Shown
from services.edge.rooms import Rooms
from services.kit.batching import Coalescer

log = structlog.get_logger()

# Of AUTH_CACHE_SECONDS: several confirmations may fail before anything is believed no more.
POLLS_PER_LIFETIME = 4
VERSIONS_AT_ONCE = 1000

CALLERS = {
    CallerRole.CALLER_ROLE_CLIENT: Caller.CLIENT,
    CallerRole.CALLER_ROLE_BACK_END: Caller.BACK_END,
    CallerRole.CALLER_ROLE_READER: Caller.READER,
    CallerRole.CALLER_ROLE_WRITER: Caller.WRITER,
    CallerRole.CALLER_ROLE_MANAGER: Caller.MANAGER,
}


@dataclass(frozen=True, slots=True)
class Question:
    app_id: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was proved to an application; `rules` is None where there is no such application."""

    rules: Rules | None
    callers: Caller


class Judging:
    def __init__(self, rooms: Rooms, seconds: float, clock: Callable[[], float]) -> None:
        self._rooms = rooms
        self._seconds = seconds
        self._clock = clock
        self._accounts = Accounts(seconds, clock)
        self._refused = Refusals(clock)
        # One call at a time, however many wait: a storm of wrong secrets is no storm of calls.
        self._asking = Coalescer[Question, Verdict](self._ask)

    async def judge(self, app_id: str, shown: Sequence[Shown]) -> Judgement:
        """Judge each credential on its own; of an application that is known, without a call."""
        if (app_id, NOTHING) in self._refused:
            return Judgement(None, Caller(0))
        account, now = self._accounts.get(app_id), self._clock()
        callers, unknown = Caller(0), []
        for one in shown:
            caller = account.recall(one, now) if account else None
            if caller is not None:
                callers |= caller
            elif (app_id, one) not in self._refused:
                unknown.append(one)
        if account is not None and not unknown:
            return Judgement(account.rules, callers)
        verdicts = await asyncio.gather(
            *(self._asking.call(Question(app_id, one)) for one in unknown or [NOTHING])
        )
        if not verdicts[0].app_id:
            return Judgement(None, Caller(0))
        return Judgement(
            _read_rules(verdicts[0]), reduce(or_, map(_read_caller, verdicts), callers)
        )

    async def judge_api_key(self, text: str) -> Verdict | None:
        """The verdict on an API key; None if it is not valid."""
        shown = Shown.of(Kind.API_KEY, text)
        if ("", shown) in self._refused:
            return None
        verdict = await self._asking.call(Question("", shown))
        return verdict if verdict.role else None

    def forget(self, app_id: str) -> None:
        """Ask anew about this application: it was changed here."""
        self._accounts.forget(app_id)
        self._refused.forget((app_id, NOTHING))

    async def watch(self) -> None:
        """Confirm what is remembered, for ever."""
        while True:
            await asyncio.sleep(self._seconds / POLLS_PER_LIFETIME)
            try:
                await self.confirm()
            except grpc.aio.AioRpcError as error:
                log.warning("access.unconfirmed", code=error.code().name)

    async def confirm(self) -> None:
        """Ask for the version of every application in use."""
        in_use = self._accounts.in_use()
        for start in range(0, len(in_use), VERSIONS_AT_ONCE):
            app_ids, asked = in_use[start : start + VERSIONS_AT_ONCE], self._clock()
            told = await self._rooms.access.ListAccessVersions(
                pb.ListAccessVersionsRequest(app_ids=app_ids), timeout=self._rooms.timeout
            )
            for app_id in app_ids:
                self._accounts.confirm(app_id, told.versions.get(app_id), asked)

    async def _ask(self, questions: list[Question]) -> list[Verdict]:
        different = list(dict.fromkeys(questions))
        asked = self._clock()
        answer = await self._rooms.access.AuthenticateCallers(
            pb.AuthenticateCallersRequest(credentials=map(_write, different)),
            timeout=self._rooms.timeout,
        )
        verdicts = dict(zip(different, answer.verdicts, strict=True))
        for question, verdict in verdicts.items():
            self._note(question, verdict, asked)
        return [verdicts[question] for question in questions]

    def _note(self, question: Question, verdict: Verdict, asked: float) -> None:
        """Remember a verdict; that on an API key only if it is bad, so that each use asks."""
        shown = question.shown
        if not verdict.app_id:
            self._accounts.forget(question.app_id)
            self._refused.add((question.app_id, NOTHING if question.app_id else shown))
            return
        account = self._accounts.learn(verdict.app_id, _read_rules(verdict), asked)
        if not verdict.role and shown.kind is not Kind.NOTHING:
            self._refused.add((question.app_id, shown))
        elif verdict.role and shown.kind is not Kind.API_KEY:
            valid_for = verdict.valid_for.ToTimedelta().total_seconds()
            ends = asked + valid_for if verdict.HasField("valid_for") else inf
            account.valid[shown] = (_read_caller(verdict), ends)


def _write(question: Question) -> Credential:
    shown = question.shown
    credential = Credential(app_id=question.app_id)
    if shown.kind is not Kind.NOTHING:
        setattr(credential, shown.kind.value, shown.text)
    return credential


def _read_rules(verdict: Verdict) -> Rules:
    return Rules(
        verdict.access_version,
        verdict.enabled,
        verdict.verify_client_secret,
        verdict.clients_list_devices,
    )


def _read_caller(verdict: Verdict) -> Caller:
    return CALLERS.get(verdict.role, Caller(0))
